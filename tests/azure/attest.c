/* Calls an attestation library with a key from a file: the library's own test, and the way to a token by hand. */
#include <keyguard/attestation.h>

#include <dlfcn.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: azure-attest LIBRARY KEY.pem ENDPOINT CLIENT-ID [PAYLOAD [HOW]]\n"
    "Prints the return code, and the token if there is one. PAYLOAD: JSON ({}), or NULL. HOW: no-log, no-init,\n"
    "no-key, no-token, key-fails, short-key, auth-token. The library's log goes to stderr.\n";

struct library {
  kg_init_attestation_lib *init;
  kg_attest_key_guard_import_key *attest;
  kg_free_attestation_token *free_token;
  kg_uninit_attestation_lib *uninit;
};

static void need(bool done, const char *what) {
  if (done) return;
  fprintf(stderr, "azure-attest: %s\n", what);
  exit(3);
}

static void find(void *handle, const char *name, void *function) {
  void *address = dlsym(handle, name);
  need(address != NULL, name);
  memcpy(function, &address, sizeof address); /* ISO C has no cast between the two kinds of pointer */
}

static void load(const char *path, struct library *library) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  need(handle != NULL, path);
  find(handle, "InitAttestationLib", &library->init);
  find(handle, "AttestKeyGuardImportKey", &library->attest);
  find(handle, "FreeAttestationToken", &library->free_token);
  find(handle, "UninitAttestationLib", &library->uninit);
}

static void write_log(void *context, const char *tag, int level, const char *function, int line, const char *message) {
  fprintf(context, "%d %s %s:%d %s\n", level, tag, function, line, message);
}

static int sign(void *context, const unsigned char digest[32], unsigned char *signature) {
  EVP_PKEY_CTX *options = EVP_PKEY_CTX_new(context, NULL);
  size_t len = (size_t)EVP_PKEY_get_size(context);
  bool good = options != NULL && EVP_PKEY_sign_init(options) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
              EVP_PKEY_CTX_set_signature_md(options, EVP_sha256()) == 1 &&
              EVP_PKEY_CTX_set_rsa_pss_saltlen(options, 32) == 1 &&
              EVP_PKEY_sign(options, signature, &len, digest, 32) == 1;
  EVP_PKEY_CTX_free(options);
  return good ? 0 : -1;
}

static int refuse(void *context, const unsigned char digest[32], unsigned char *signature) {
  (void)context, (void)digest, (void)signature;
  return -1;
}

static EVP_PKEY *load_key(const char *path) {
  FILE *file = fopen(path, "r");
  EVP_PKEY *key = file != NULL ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
  if (file != NULL) fclose(file);
  need(key != NULL, path);
  return key;
}

static int32_t run(const struct library *library, EVP_PKEY *private, char **argv, const char *payload,
                   const char *how) {
  unsigned char *info = NULL;
  int info_len = i2d_PUBKEY(private, &info);
  need(info_len > 0, "public key");
  struct kg_attestation_key key = {sizeof key, private, info, (size_t)info_len, (size_t)EVP_PKEY_get_size(private),
                                   sign};
  if (strcmp(how, "key-fails") == 0) key.sign_pss_sha256 = refuse;
  if (strcmp(how, "short-key") == 0) key.size--;
  kg_attestation_key_handle handle = strcmp(how, "no-key") == 0 ? 0 : (kg_attestation_key_handle)&key;
  char *token = NULL;
  int32_t code = library->attest(argv[3], strcmp(how, "auth-token") == 0 ? "secret" : NULL,
                                 strcmp(payload, "NULL") == 0 ? NULL : payload, handle,
                                 strcmp(how, "no-token") == 0 ? NULL : &token, argv[4]);
  if (token != NULL) printf("token %s\n", token);
  library->free_token(token);
  OPENSSL_free(info);
  return code;
}

int main(int argc, char **argv) {
  if (argc < 5 || argc > 7) {
    fputs(usage, stderr);
    return 2;
  }
  const char *payload = argc > 5 ? argv[5] : "{}", *how = argc > 6 ? argv[6] : "";
  struct library library;
  struct kg_attestation_log_info log = {strcmp(how, "no-log") == 0 ? NULL : write_log, stderr};
  EVP_PKEY *key = load_key(argv[2]);
  load(argv[1], &library);
  int32_t code = strcmp(how, "no-init") == 0 ? 0 : library.init(&log);
  if (code == 0) code = run(&library, key, argv, payload, how);
  printf("rc %d\n", (int)code);
  library.uninit();
  EVP_PKEY_free(key);
  return code == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
