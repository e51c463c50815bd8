#include "support_pki.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void require(int done, const char *what) {
  if (done) return;
  fprintf(stderr, "test set-up failed: %s\n", what);
  abort();
}

EVP_PKEY *support_key_rsa(unsigned bits) {
  EVP_PKEY *key = EVP_RSA_gen(bits);
  require(key != NULL, "RSA key");
  return key;
}

EVP_PKEY *support_key_ec(void) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  require(key != NULL, "EC key");
  return key;
}

static EVP_PKEY *ca_key(void) {
  static EVP_PKEY *key;
  if (key == NULL) key = support_key_ec();
  return key;
}

static void add_name(X509_NAME *name, int nid, int type, const char *text) {
  if (text != NULL)
    require(X509_NAME_add_entry_by_NID(name, nid, type, (const unsigned char *)text, -1, -1, 0), "name");
}

static void add_extension(X509 *certificate, int nid, const char *text) {
  if (text == NULL) return;
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, text);
  require(extension != NULL && X509_add_ext(certificate, extension, -1), "extension");
  X509_EXTENSION_free(extension);
}

static X509 *start(EVP_PKEY *key, int64_t not_before, int64_t not_after) {
  static long serial = 1000;
  X509 *certificate = X509_new();
  require(certificate != NULL && X509_set_version(certificate, X509_VERSION_3) && X509_set_pubkey(certificate, key) &&
              ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++) &&
              ASN1_TIME_set(X509_getm_notBefore(certificate), (time_t)not_before) != NULL &&
              ASN1_TIME_set(X509_getm_notAfter(certificate), (time_t)not_after) != NULL,
          "certificate");
  return certificate;
}

static X509 *ca_certificate(void) {
  static X509 *ca;
  int64_t now = (int64_t)time(NULL);
  if (ca != NULL) return ca;
  ca = start(ca_key(), now - 86400, now + 864000);
  add_name(X509_get_subject_name(ca), NID_commonName, V_ASN1_UTF8STRING, "Test CA");
  require(X509_set_issuer_name(ca, X509_get_subject_name(ca)), "issuer");
  add_extension(ca, NID_basic_constraints, "critical,CA:TRUE");
  add_extension(ca, NID_key_usage, "critical,keyCertSign,cRLSign");
  require(X509_sign(ca, ca_key(), EVP_sha256()), "CA signature");
  return ca;
}

X509 *support_certificate_new(const struct support_certificate *what) {
  X509 *certificate = start(what->key, what->not_before, what->not_after);
  X509_NAME *name = X509_get_subject_name(certificate);
  add_name(name, NID_domainComponent, V_ASN1_IA5STRING, what->tenant);
  add_name(name, NID_commonName, V_ASN1_UTF8STRING, what->common_name);
  add_name(name, NID_commonName, V_ASN1_UTF8STRING, what->second_name);
  require(X509_set_issuer_name(certificate, X509_get_subject_name(ca_certificate())), "issuer");
  add_extension(certificate, NID_key_usage, what->key_usage);
  add_extension(certificate, NID_ext_key_usage, what->extended_key_usage);
  add_extension(certificate, NID_subject_alt_name, what->alternative_name);
  require(X509_sign(certificate, ca_key(), EVP_sha256()), "signature");
  return certificate;
}

char *support_certificate_base64(const struct support_certificate *what) {
  X509 *certificate = support_certificate_new(what);
  unsigned char *der = NULL;
  int len = i2d_X509(certificate, &der);
  char *text = malloc((size_t)len * 2);
  require(len > 0 && text != NULL, "encoding");
  EVP_EncodeBlock((unsigned char *)text, der, len);
  OPENSSL_free(der);
  X509_free(certificate);
  return text;
}

static char ca_folder[64], ca_path[96];

static void remove_ca_file(void) {
  unlink(ca_path);
  rmdir(ca_folder);
}

const char *support_ca_file(void) {
  if (*ca_path) return ca_path;
  strcpy(ca_folder, "/tmp/kg-test-ca-XXXXXX");
  require(mkdtemp(ca_folder) != NULL, "folder");
  snprintf(ca_path, sizeof ca_path, "%s/ca.pem", ca_folder);
  FILE *file = fopen(ca_path, "w");
  require(file != NULL && PEM_write_X509(file, ca_certificate()) && fclose(file) == 0, "CA file");
  atexit(remove_ca_file);
  return ca_path;
}

SSL_CTX *support_tls_server(const char *alternative_name, int64_t not_after) {
  int64_t now = (int64_t)time(NULL);
  struct support_certificate what = {.key = support_key_ec(),
                                     .common_name = "test server",
                                     .not_before = now - 3600,
                                     .not_after = not_after,
                                     .extended_key_usage = "serverAuth",
                                     .alternative_name = alternative_name != NULL ? alternative_name : "IP:127.0.0.1"};
  X509 *certificate = support_certificate_new(&what);
  SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
  require(tls != NULL && SSL_CTX_use_certificate(tls, certificate) && SSL_CTX_use_PrivateKey(tls, what.key),
          "TLS server");
  X509_free(certificate);
  EVP_PKEY_free(what.key);
  return tls;
}

void support_tls_trust_ca(SSL_CTX *tls) {
  require(X509_STORE_add_cert(SSL_CTX_get_cert_store(tls), ca_certificate()), "trust");
}

unsigned char *support_public_key_info(EVP_PKEY *key, size_t *len) {
  unsigned char *der = NULL;
  int size = i2d_PUBKEY(key, &der);
  require(size > 0, "public key");
  *len = (size_t)size;
  return der;
}

int support_sign_pss(EVP_PKEY *key, const unsigned char digest[32], unsigned char *signature) {
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
  size_t len = (size_t)EVP_PKEY_get_size(key);
  int done = context != NULL && EVP_PKEY_sign_init(context) == 1 &&
             EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(context, 32) == 1 &&
             EVP_PKEY_sign(context, signature, &len, digest, 32) == 1;
  EVP_PKEY_CTX_free(context);
  return done ? 0 : 1;
}
