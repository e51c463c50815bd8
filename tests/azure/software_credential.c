#include "software_credential.h"

#include <stdlib.h>
#include <string.h>

static char *check(const cJSON *order) {
  static const struct {
    const char *name;
    cJSON_bool (*has_type)(const cJSON *item);
  } members[] = {{"identity", cJSON_IsString},     {"foreign", cJSON_IsBool}, {"validity_s", cJSON_IsNumber},
                 {"not_before_s", cJSON_IsNumber}, {"eku", cJSON_IsString},   {"token_not_after_s", cJSON_IsNumber}};
  if (!cJSON_IsObject(order)) return az_text_dup("a JSON object is expected");
  for (const cJSON *item = order->child; item != NULL; item = item->next) {
    bool good = false;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
      good = good || (strcmp(members[i].name, item->string) == 0 && members[i].has_type(item));
    if (!good) return az_text_format("unknown key, or a wrong type: %s", item->string);
  }
  return NULL;
}

static gnutls_x509_privkey_t new_key(void) {
  gnutls_x509_privkey_t key;
  az_check(gnutls_x509_privkey_init(&key), "key");
  az_check(gnutls_x509_privkey_generate(key, GNUTLS_PK_RSA, 2048, 0), "key generation");
  return key;
}

static gnutls_pubkey_t get_public(gnutls_x509_privkey_t key) {
  gnutls_privkey_t private;
  az_check(gnutls_privkey_init(&private), "key");
  az_check(gnutls_privkey_import_x509(private, key, 0), "key");
  gnutls_pubkey_t public;
  az_check(gnutls_pubkey_init(&public), "key");
  az_check(gnutls_pubkey_import_privkey(public, private, 0, 0), "key");
  gnutls_privkey_deinit(private);
  return public;
}

static gnutls_x509_crt_t issue(struct az_emulator *emulator, const cJSON *order, const char *client_id,
                               gnutls_x509_privkey_t key) {
  struct az_settings settings = az_emulator_get_settings(emulator);
  time_t now = az_clock_now(&emulator->clock);
  const char *purpose = az_fault_get_string(order, "eku");
  long token_not_after = az_fault_get_number(order, "token_not_after_s", settings.token_not_after_s);
  bool foreign = az_fault_is(order, "foreign");
  struct az_certificate_order certificate = {
      .key = get_public(key),
      .client_id = client_id,
      .tenant_id = emulator->directory.tenant_id,
      .not_before = now + az_fault_get_number(order, "not_before_s", settings.not_before_s),
      .not_after = now + az_fault_get_number(order, "validity_s", settings.validity_s),
      .token_not_after = token_not_after ? now + token_not_after : 0,
      .purpose =
          purpose != NULL && strcmp(purpose, "serverAuth") == 0 ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT,
  };
  gnutls_x509_crt_t issued =
      az_certificate_issue(&certificate, foreign ? &emulator->authority.foreign : &emulator->authority.issuer);
  gnutls_pubkey_deinit(certificate.key);
  return issued;
}

static cJSON *format(struct az_emulator *emulator, gnutls_x509_crt_t certificate, gnutls_x509_privkey_t key) {
  gnutls_datum_t pem;
  az_check(gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem), "key");
  char *private = az_text_take(&pem), *public = az_certificate_format_pem(certificate);
  struct az_certificate_facts facts;
  az_certificate_read(certificate, &facts);
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "certificate", public);
  cJSON_AddStringToObject(json, "private_key", private);
  cJSON_AddStringToObject(json, "thumbprint", facts.thumbprint);
  cJSON_AddStringToObject(json, "client_id", facts.client_id);
  cJSON_AddStringToObject(json, "tenant_id", facts.tenant_id);
  cJSON_AddStringToObject(json, "mtls_authentication_endpoint", az_emulator_get_origin(emulator, AZ_ON_TOKEN));
  free(private);
  free(public);
  return json;
}

char *az_software_credential_make(struct az_emulator *emulator, const cJSON *order, cJSON **credential) {
  const char *name = az_fault_get_string(order, "identity");
  const struct az_identity *identity = az_directory_find_name(&emulator->directory, name != NULL ? name : "system");
  char *problem = check(order);
  if (problem != NULL) return problem;
  if (identity == NULL) return az_text_dup("there is no such identity");
  gnutls_x509_privkey_t key = new_key();
  gnutls_x509_crt_t certificate = issue(emulator, order, identity->client_id, key);
  *credential = format(emulator, certificate, key);
  gnutls_x509_crt_deinit(certificate);
  gnutls_x509_privkey_deinit(key);
  return NULL;
}
