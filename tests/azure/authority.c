#include "authority.h"

#include <pthread.h>
#include <stdlib.h>

/* MI/KeyProviders/WindowsCngKeyOperations.cs: clients find the certificates of this issuer by its name. */
#define ISSUER_NAME "managedidentitysnissuer.login.microsoft.com"
#define KEY_BITS 2048

static void *generate(void *argument) {
  gnutls_x509_privkey_t *key = argument;
  az_check(gnutls_x509_privkey_init(key), "key");
  az_check(gnutls_x509_privkey_generate(*key, GNUTLS_PK_RSA, KEY_BITS, 0), "key generation");
  return NULL;
}

/* Side by side, because a test starts an emulator for every case. */
static void generate_all(gnutls_x509_privkey_t *const keys[], size_t count) {
  pthread_t threads[8];
  for (size_t i = 0; i < count; i++)
    if (pthread_create(&threads[i], NULL, generate, keys[i]) != 0) abort();
  for (size_t i = 0; i < count; i++)
    pthread_join(threads[i], NULL);
}

static void finish_signer(struct az_signer *signer) {
  gnutls_datum_t bytes;
  az_check(gnutls_x509_privkey_export2(signer->key, GNUTLS_X509_FMT_PEM, &bytes), "signer");
  signer->private_pem = az_text_take(&bytes);
  gnutls_privkey_t private;
  az_check(gnutls_privkey_init(&private), "signer");
  az_check(gnutls_privkey_import_x509(private, signer->key, 0), "signer");
  gnutls_pubkey_t public;
  az_check(gnutls_pubkey_init(&public), "signer");
  az_check(gnutls_pubkey_import_privkey(public, private, 0, 0), "signer");
  az_check(gnutls_pubkey_export2(public, GNUTLS_X509_FMT_PEM, &bytes), "signer");
  signer->public_pem = az_text_take(&bytes);
  az_check(gnutls_pubkey_export2(public, GNUTLS_X509_FMT_DER, &bytes), "signer");
  az_text_thumbprint(&bytes, signer->kid);
  gnutls_free(bytes.data);
  gnutls_pubkey_deinit(public);
  gnutls_privkey_deinit(private);
}

static void clear_signer(struct az_signer *signer) {
  gnutls_x509_privkey_deinit(signer->key);
  free(signer->private_pem);
  free(signer->public_pem);
}

void az_authority_init(struct az_authority *authority, bool intermediate, time_t now) {
  *authority = (struct az_authority){0};
  struct az_authority *a = authority;
  gnutls_x509_privkey_t *const keys[] = {&a->server_ca.key, &a->server.key,      &a->issuer.key, &a->foreign.key,
                                         &a->token.key,     &a->attestation.key, &a->root.key};
  generate_all(keys, sizeof keys / sizeof *keys - (intermediate ? 0 : 1));
  a->server_ca.certificate = az_certificate_new_ca("Azure emulator server CA", a->server_ca.key, NULL, now);
  a->server.certificate = az_certificate_new_server(a->server.key, &a->server_ca, now);
  if (intermediate) a->root.certificate = az_certificate_new_ca("Azure emulator client root", a->root.key, NULL, now);
  a->issuer.certificate = az_certificate_new_ca(ISSUER_NAME, a->issuer.key, intermediate ? &a->root : NULL, now);
  a->foreign.certificate = az_certificate_new_ca(ISSUER_NAME, a->foreign.key, NULL, now);
  finish_signer(&a->token);
  finish_signer(&a->attestation);
}

void az_authority_clear(struct az_authority *authority) {
  az_key_pair_clear(&authority->server_ca);
  az_key_pair_clear(&authority->server);
  az_key_pair_clear(&authority->root);
  az_key_pair_clear(&authority->issuer);
  az_key_pair_clear(&authority->foreign);
  clear_signer(&authority->token);
  clear_signer(&authority->attestation);
}

const char *az_authority_check_client(const struct az_authority *authority, gnutls_x509_crt_t certificate) {
  gnutls_x509_crt_t trusted[] = {authority->issuer.certificate, authority->root.certificate};
  unsigned status = 0;
  int result = gnutls_x509_crt_verify(certificate, trusted, authority->root.certificate != NULL ? 2 : 1,
                                      GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &status);
  if (result != 0 || status != 0) return "the certificate was not issued by the managed identity issuer";
  if (gnutls_x509_crt_check_key_purpose(certificate, GNUTLS_KP_TLS_WWW_CLIENT, 0) == 0)
    return "the certificate is not for TLS clients";
  return NULL;
}

char *az_authority_format_client_trust(const struct az_authority *authority) {
  char *issuer = az_certificate_format_pem(authority->issuer.certificate);
  if (authority->root.certificate == NULL) return issuer;
  char *root = az_certificate_format_pem(authority->root.certificate);
  char *both = az_text_format("%s%s", root, issuer);
  free(root);
  free(issuer);
  return both;
}
