/* A credential plugin that issues by itself, so that what surrounds a plugin can be tested: as $FAKE_PLUGIN says it
 * does its work, or fails, or breaks its contract. Every call appends a line to $FAKE_PLUGIN_LOG. */
#include <keyguard/credential_plugin.h>

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct credential {
  struct kg_plugin_credential base;
  unsigned char *der;
};

static bool is(const char *behaviour) {
  const char *word = getenv("FAKE_PLUGIN");
  return word != NULL && strcmp(word, behaviour) == 0;
}

static long number(const char *name, long otherwise) {
  const char *text = getenv(name);
  return text != NULL ? strtol(text, NULL, 10) : otherwise;
}

/* One write, so that lines of several processes do not mix. */
static void note(const struct kg_plugin_request *request) {
  const char *path = getenv("FAKE_PLUGIN_LOG");
  char line[256];
  int fd = path != NULL ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : -1;
  int len =
      snprintf(line, sizeof line, "%s selector=%d:%s bypass=%d drop=%d attest=%d endpoint=%s\n", request->identity,
               (int)request->selector, request->selector_value != NULL ? request->selector_value : "",
               request->bypass_cache, request->drop_attestation, request->attestation,
               request->metadata_endpoint != NULL ? request->metadata_endpoint : "");
  if (fd >= 0 && write(fd, line, (size_t)len) != len) abort();
  if (fd >= 0) close(fd);
}

static EVP_PKEY *subject_key(const struct kg_plugin_request *request) {
  const unsigned char *der = request->key->public_key_info.data;
  if (is("wrong_key")) return EVP_RSA_gen(2048);
  return d2i_PUBKEY(NULL, &der, (long)request->key->public_key_info.len);
}

static int issue(const struct kg_plugin_request *request, unsigned char **der) {
  EVP_PKEY *issuer = EVP_EC_gen("P-256"), *key = subject_key(request);
  X509 *x509 = X509_new();
  time_t now = (time_t)request->host->wall_s(request->host->context);
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), (long)getpid() * 1000 + rand() % 1000);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC, (const unsigned char *)"client", -1, -1,
                             0);
  X509_set_issuer_name(x509, X509_get_subject_name(x509));
  ASN1_TIME_set(X509_getm_notBefore(x509), now + number("FAKE_PLUGIN_FROM", -300));
  ASN1_TIME_set(X509_getm_notAfter(x509), now + number("FAKE_PLUGIN_TO", 604800));
  X509_set_pubkey(x509, key);
  X509_sign(x509, issuer, EVP_sha256());
  int len = i2d_X509(x509, der);
  X509_free(x509);
  EVP_PKEY_free(key);
  EVP_PKEY_free(issuer);
  return len;
}

static int fail(struct kg_plugin_error *error, const char *code, const char *sub_code, int http_status) {
  snprintf(error->code, sizeof error->code, "%s", code);
  snprintf(error->sub_code, sizeof error->sub_code, "%s", sub_code);
  snprintf(error->text, sizeof error->text, "fake: %s", sub_code);
  snprintf(error->correlation_id, sizeof error->correlation_id, "%s", "0f0f0f0f-1111-4222-8333-444444444444");
  error->http_status = http_status;
  error->requests = (uint32_t)number("FAKE_PLUGIN_REQUESTS", 1);
  error->retry_after_s = number("FAKE_PLUGIN_RETRY_AFTER", 0);
  return -1;
}

static void spoil(struct kg_plugin_credential *credential) {
  static char text[3001] = "https://";
  memset(text + 8, 'x', sizeof text - 9);
  if (is("long_client_id")) credential->client_id = text;
  if (is("long_tenant_id")) credential->tenant_id = text;
  if (is("long_type")) credential->identity_type = text;
  if (is("type_of_two_lines")) credential->identity_type = "System\nAssigned";
  if (is("long_endpoint")) credential->token_endpoint = text;
  if (is("long_authentication_endpoint")) credential->mtls_authentication_endpoint = text;
  if (is("no_authentication_endpoint")) credential->mtls_authentication_endpoint = "localhost";
  if (is("no_client_id")) credential->client_id = NULL;
  if (is("no_tenant_id")) credential->tenant_id = "";
  if (is("no_type")) credential->identity_type = NULL;
  if (is("no_endpoint")) credential->token_endpoint = NULL;
  if (is("http_endpoint")) credential->token_endpoint = "http://localhost/token";
  if (is("no_certificate")) credential->certificate.len = 0;
  if (is("bad_certificate")) credential->certificate.len -= 1;
  if (is("small")) credential->size = 8;
  if (is("long_chain")) credential->chain_count = 1000;
  if (is("unattested")) credential->attested = 0;
}

static int acquire(const struct kg_plugin_request *request, struct kg_plugin_credential **out,
                   struct kg_plugin_error *error) {
  static const unsigned char digest[32];
  note(request);
  if (is("refuse")) return fail(error, "MSI_V2_ERROR", "managed_identity_request_failed", 400);
  if (is("v1_only")) return fail(error, "MSI_V2_ERROR", "mtls_pop_token_not_supported_in_imds_v1", 404);
  if (is("disabled")) return fail(error, "MSI_V2_ERROR", "mtls_pop_token_not_supported_in_imds_v1", 0);
  if (is("own_code")) return fail(error, "MSI_V2_KEYGUARD_UNAVAILABLE", "mtls_pop_requires_keyguard", 0);
  if (is("nonsense")) {
    memset(error->text, 'x', sizeof error->text); /* without their NUL */
    memset(error->code, 'y', sizeof error->code);
    return -7;
  }
  if (is("nothing")) return *out = NULL, 0;
  unsigned char signature[512];
  if (request->key->sign_pss_sha256(request->key->context, digest, signature) != 0)
    return fail(error, "MSI_V2_ERROR", "key_dead", 0);
  struct credential *credential = calloc(1, sizeof *credential);
  struct kg_plugin_credential *base = &credential->base;
  base->size = sizeof *base;
  base->certificate.len = (size_t)issue(request, &credential->der);
  base->certificate.data = credential->der;
  base->client_id = "11111111-2222-3333-4444-555555555555";
  base->tenant_id = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee";
  base->identity_type = "SystemAssigned";
  base->mtls_authentication_endpoint = "https://localhost";
  const char *endpoint = getenv("FAKE_PLUGIN_ENDPOINT");
  base->token_endpoint = endpoint != NULL ? endpoint : "https://localhost/tenant/oauth2/v2.0/token";
  base->attested = request->attestation;
  base->server_time_s = request->host->wall_s(request->host->context);
  spoil(base);
  *out = base;
  return 0;
}

static void release_credential(struct kg_plugin_credential *base) {
  struct credential *credential = (struct credential *)base;
  if (credential == NULL) return;
  OPENSSL_free(credential->der);
  free(credential);
}

/* The twists. The entry's name can be another one, too: -Dkeyguard_credential_plugin=... */
#ifndef FAKE_PLUGIN_VERSION
#define FAKE_PLUGIN_VERSION KG_CREDENTIAL_PLUGIN_VERSION
#endif
#ifndef FAKE_PLUGIN_ACQUIRES
#define FAKE_PLUGIN_ACQUIRES 1
#endif
#ifndef FAKE_PLUGIN_SPEAKS
#define FAKE_PLUGIN_SPEAKS KG_CREDENTIAL_PLUGIN_VERSION
#endif

const struct kg_credential_plugin *keyguard_credential_plugin(uint32_t version) {
  static const struct kg_credential_plugin plugin = {.version = FAKE_PLUGIN_VERSION,
                                                     .name = "fake",
                                                     .release = "0",
                                                     .acquire = FAKE_PLUGIN_ACQUIRES ? acquire : NULL,
                                                     .release_credential = release_credential};
  return version == FAKE_PLUGIN_SPEAKS ? &plugin : NULL;
}
