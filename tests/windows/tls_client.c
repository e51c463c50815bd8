/* A TLS client of an application that knows nothing of us but the PKCS#11 module: OpenSSL with a private key whose
 * signatures C_Sign makes. It sends standard input as it is and prints what comes back.
 *   tls_client MODULE TOKEN-LABEL CA.pem HOST PORT 1.2|1.3 [--no-certificate] */
#define OPENSSL_SUPPRESS_DEPRECATED /* a key method is the shortest way to sign elsewhere, and 3.0 still has it */

#include <fcntl.h>
#include <io.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <winsock2.h>
/* after winsock2.h */
#include <windows.h>
#include <ws2tcpip.h>

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <p11-kit/pkcs11.h>

static CK_FUNCTION_LIST *p11;
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE private_key;

static void need(bool done, const char *what) {
  if (done) return;
  fprintf(stderr, "tls_client: %s\n", what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

/* --- the module --------------------------------------------------------------------------------------------------- */

static void load(const char *path) {
  HMODULE module = LoadLibraryA(path);
  FARPROC function = module != NULL ? GetProcAddress(module, "C_GetFunctionList") : NULL;
  CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
  memcpy(&get, &function, sizeof get);
  need(get != NULL && get(&p11) == CKR_OK && p11->C_Initialize(NULL) == CKR_OK, "the module cannot be loaded");
}

static void open_session(const char *label) {
  CK_SLOT_ID slots[16];
  CK_ULONG count = 16;
  need(p11->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK, "C_GetSlotList");
  CK_TOKEN_INFO token;
  for (CK_ULONG i = 0; i < count; i++) {
    if (p11->C_GetTokenInfo(slots[i], &token) != CKR_OK) continue;
    if (memcmp(token.label, label, strlen(label)) != 0 || token.label[strlen(label)] != ' ') continue;
    need(p11->C_OpenSession(slots[i], CKF_SERIAL_SESSION, NULL, NULL, &session) == CKR_OK, "C_OpenSession");
    return;
  }
  need(false, "there is no such token");
}

static CK_OBJECT_HANDLE find(CK_OBJECT_CLASS class) {
  CK_ATTRIBUTE template = {CKA_CLASS, &class, sizeof class};
  need(p11->C_FindObjectsInit(session, &template, 1) == CKR_OK, "C_FindObjectsInit");
  CK_OBJECT_HANDLE found = 0;
  CK_ULONG count = 0;
  need(p11->C_FindObjects(session, &found, 1, &count) == CKR_OK && count == 1, "the object is not there");
  p11->C_FindObjectsFinal(session);
  return found;
}

static X509 *read_certificate(void) {
  static unsigned char der[16384];
  const unsigned char *at = der;
  CK_ATTRIBUTE value = {CKA_VALUE, der, sizeof der};
  need(p11->C_GetAttributeValue(session, find(CKO_CERTIFICATE), &value, 1) == CKR_OK, "CKA_VALUE");
  X509 *certificate = d2i_X509(NULL, &at, (long)value.ulValueLen);
  need(certificate != NULL, "the certificate cannot be read");
  return certificate;
}

/* --- signatures --------------------------------------------------------------------------------------------------- */

static const struct {
  int nid;
  CK_MECHANISM_TYPE hash;
  CK_RSA_PKCS_MGF_TYPE mgf;
  unsigned char prefix[19];
} hashes[] = {
    {NID_sha256,
     CKM_SHA256,
     CKG_MGF1_SHA256,
     {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04,
      0x20}},
    {NID_sha384,
     CKM_SHA384,
     CKG_MGF1_SHA384,
     {0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04,
      0x30}},
    {NID_sha512,
     CKM_SHA512,
     CKG_MGF1_SHA512,
     {0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04,
      0x40}},
};

static int sign_with(CK_MECHANISM *mechanism, unsigned char *input, size_t length, unsigned char *out,
                     size_t *out_length) {
  CK_ULONG size = (CK_ULONG)*out_length;
  CK_RV rv = p11->C_SignInit(session, mechanism, private_key);
  if (rv == CKR_OK) rv = p11->C_Sign(session, input, (CK_ULONG)length, out, &size);
  fprintf(stderr, "tls_client: C_Sign with mechanism 0x%lx: 0x%lx\n", mechanism->mechanism, rv);
  *out_length = size;
  return rv == CKR_OK ? 1 : 0;
}

static int sign(EVP_PKEY_CTX *ctx, unsigned char *out, size_t *out_length, const unsigned char *digest, size_t length) {
  CK_RSA_PKCS_PSS_PARAMS pss = {0, 0, (CK_ULONG)length};
  if (out == NULL) {
    *out_length = 256;
    return 1;
  }
  int padding = 0;
  const EVP_MD *md = NULL;
  if (EVP_PKEY_CTX_get_signature_md(ctx, &md) != 1 || EVP_PKEY_CTX_get_rsa_padding(ctx, &padding) != 1) return 0;
  size_t i = 0;
  while (i < 3 && hashes[i].nid != EVP_MD_get_type(md))
    i++;
  if (i == 3 || length > 64) return 0;
  CK_MECHANISM mechanism = {CKM_RSA_PKCS, NULL, 0};
  size_t prefix = 19;
  if (padding == RSA_PKCS1_PSS_PADDING) {
    pss.hashAlg = hashes[i].hash, pss.mgf = hashes[i].mgf;
    mechanism = (CK_MECHANISM){CKM_RSA_PKCS_PSS, &pss, sizeof pss};
    prefix = 0;
  }
  unsigned char input[19 + 64];
  memcpy(input, hashes[i].prefix, prefix);
  memcpy(input + prefix, digest, length);
  return sign_with(&mechanism, input, prefix + length, out, out_length);
}

/* The public numbers with OpenSSL's own method, whose signing is ours. */
static EVP_PKEY *make_key(X509 *certificate) {
  EVP_PKEY_METHOD *method = EVP_PKEY_meth_new(EVP_PKEY_RSA, EVP_PKEY_FLAG_AUTOARGLEN);
  EVP_PKEY *public_key = X509_get_pubkey(certificate), *key = EVP_PKEY_new();
  RSA *rsa = RSA_new();
  need(method != NULL && public_key != NULL && key != NULL && rsa != NULL, "memory");
  EVP_PKEY_meth_copy(method, EVP_PKEY_meth_find(EVP_PKEY_RSA));
  EVP_PKEY_meth_set_sign(method, NULL, sign);
  need(EVP_PKEY_meth_add0(method) == 1, "key method");
  BIGNUM *n = NULL, *e = NULL;
  need(EVP_PKEY_get_bn_param(public_key, "n", &n) == 1 && EVP_PKEY_get_bn_param(public_key, "e", &e) == 1, "RSA key");
  need(RSA_set0_key(rsa, n, e, NULL) == 1 && EVP_PKEY_assign_RSA(key, rsa) == 1, "RSA key");
  EVP_PKEY_free(public_key);
  return key;
}

/* --- the connection ----------------------------------------------------------------------------------------------- */

static SOCKET reach(const char *host, const char *port) {
  SOCKET connected = INVALID_SOCKET;
  WSADATA data;
  need(WSAStartup(MAKEWORD(2, 2), &data) == 0, "WSAStartup");
  struct addrinfo hints = {0};
  hints.ai_socktype = SOCK_STREAM;
  struct addrinfo *addresses = NULL;
  need(getaddrinfo(host, port, &hints, &addresses) == 0, "getaddrinfo");
  for (struct addrinfo *one = addresses; one != NULL && connected == INVALID_SOCKET; one = one->ai_next) {
    connected = socket(one->ai_family, one->ai_socktype, one->ai_protocol);
    if (connected == INVALID_SOCKET || connect(connected, one->ai_addr, (int)one->ai_addrlen) == 0) continue;
    closesocket(connected);
    connected = INVALID_SOCKET;
  }
  freeaddrinfo(addresses);
  need(connected != INVALID_SOCKET, "cannot connect");
  return connected;
}

static SSL_CTX *make_context(const char *ca, int version) {
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  need(context != NULL && SSL_CTX_load_verify_file(context, ca) == 1, "CA file");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  need(SSL_CTX_set_min_proto_version(context, version) && SSL_CTX_set_max_proto_version(context, version), "version");
  return context;
}

static void exchange(SSL *ssl) {
  static char buffer[65536];
  size_t length = fread(buffer, 1, sizeof buffer, stdin);
  need(length > 0 && SSL_write(ssl, buffer, (int)length) == (int)length, "SSL_write");
  int got;
  while ((got = SSL_read(ssl, buffer, sizeof buffer)) > 0)
    fwrite(buffer, 1, (size_t)got, stdout);
  fflush(stdout);
}

int main(int argc, char **argv) {
  bool with_certificate = argc == 7;
  need(argc == 7 || argc == 8, "MODULE LABEL CA HOST PORT 1.2|1.3 [--no-certificate]");
  _setmode(_fileno(stdin), _O_BINARY);
  _setmode(_fileno(stdout), _O_BINARY);
  SSL_CTX *context = make_context(argv[3], strcmp(argv[6], "1.3") == 0 ? TLS1_3_VERSION : TLS1_2_VERSION);
  if (with_certificate) {
    load(argv[1]);
    open_session(argv[2]);
    private_key = find(CKO_PRIVATE_KEY);
    X509 *certificate = read_certificate();
    need(SSL_CTX_use_certificate(context, certificate) == 1, "certificate");
    need(SSL_CTX_use_PrivateKey(context, make_key(certificate)) == 1, "private key");
  }
  SSL *ssl = SSL_new(context);
  need(ssl != NULL && SSL_set1_host(ssl, argv[4]) && SSL_set_tlsext_host_name(ssl, argv[4]), "host name");
  need(SSL_set_fd(ssl, (int)reach(argv[4], argv[5])) == 1 && SSL_connect(ssl) == 1, "handshake");
  fprintf(stderr, "tls_client: %s\n", SSL_get_version(ssl));
  exchange(ssl);
  SSL_shutdown(ssl);
  if (p11 != NULL) p11->C_Finalize(NULL);
  return 0;
}
