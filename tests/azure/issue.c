#include "csr.h"
#include "imds.h"
#include "jwt_signer.h"
#include "secrets.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

struct issue { /* one request's */
  struct az_request *request;
  const struct az_identity *identity;
  struct az_settings settings;
  gnutls_pubkey_t key;
};

/* What a token of our attestation service must say of the key (DOC/msi_v2/msiv2_revocation_spec.md). */
static const char *check_claims(struct az_emulator *emulator, const cJSON *claims, const char *jku,
                                gnutls_pubkey_t key) {
  const char *origin = az_emulator_get_origin(emulator, AZ_ON_ATTESTATION);
  const char *issuer = az_fault_get_string(claims, "iss");
  long now = (long)az_clock_now(&emulator->clock);
  if (now >= az_fault_get_number(claims, "exp", 0)) return "it has expired";
  if (now < az_fault_get_number(claims, "nbf", now + 1)) return "it is not valid yet";
  if (now < az_fault_get_number(claims, "iat", now + 1)) return "it was issued in the future";
  if (issuer == NULL || strcmp(issuer, origin) != 0) return "its issuer is another one";
  if (jku == NULL || strncmp(jku, origin, strlen(origin)) != 0 || jku[strlen(origin)] != '/')
    return "its jku is not at its issuer";
  cJSON *expected = az_jwt_format_key(key);
  const cJSON *claimed = az_fault_get(claims, "x-ms-tpm-request-key");
  bool same = cJSON_IsObject(claimed);
  for (const cJSON *member = expected->child; member != NULL && same; member = member->next) {
    const char *value = az_fault_get_string(claimed, member->string);
    same = value != NULL && strcmp(value, member->valuestring) == 0;
  }
  cJSON_Delete(expected);
  return same ? NULL : "its key is not the key of the CSR";
}

static bool check_attestation(struct issue *issue, struct az_answer *answer, const cJSON *member) {
  struct az_emulator *emulator = issue->request->emulator;
  const char *token = cJSON_GetStringValue(member), *problem = "its signature does not verify";
  bool given = token != NULL && *token;
  az_request_note_bool(issue->request, "had_attestation_token", given);
  if (!given && !issue->settings.require_attestation) return true; /* PY sends "" */
  if (!given) {                                                    /* MOCK, N/README.md */
    az_answer_refuse(answer, MHD_HTTP_BAD_REQUEST, "invalid_request",
                     "Attestation Token is missing / empty in the issue credential request");
    return false;
  }
  char *jku;
  cJSON *claims = az_jwt_verify(&emulator->authority.attestation, token, &jku);
  if (claims != NULL) problem = check_claims(emulator, claims, jku, issue->key);
  if (problem != NULL)
    az_answer_refuse(answer, MHD_HTTP_BAD_REQUEST, "invalid_request", "Attestation Token is invalid: %s", problem);
  cJSON_Delete(claims);
  free(jku);
  return problem == NULL;
}

static bool check_csr(struct issue *issue, struct az_answer *answer, const char *csr) {
  struct az_directory *directory = &issue->request->emulator->directory;
  char *unit = az_directory_format_compute_unit(directory, &issue->settings);
  struct az_csr_expectation expected = {issue->identity->client_id, directory->tenant_id, unit};
  char *problem = csr != NULL ? az_csr_check(csr, &expected, &issue->key) : az_text_dup("there is none");
  if (problem != NULL) /* the first words are the real ones (N/src/internal/CsrBuilder.ts) */
    az_answer_refuse(answer, MHD_HTTP_BAD_REQUEST, "invalid_request", "CSR is invalid: %s", problem);
  bool good = problem == NULL;
  free(problem);
  free(unit);
  return good;
}

static bool check_body(struct issue *issue, struct az_answer *answer) {
  struct az_request *request = issue->request;
  cJSON *body = cJSON_ParseWithLengthOpts(request->body, request->body_len + 1, NULL, 1);
  bool good = cJSON_IsObject(body);
  if (!good) az_answer_refuse(answer, MHD_HTTP_BAD_REQUEST, "invalid_request", "The body is not a JSON object");
  for (const cJSON *item = good ? body->child : NULL; item != NULL && good; item = item->next) {
    good = cJSON_IsString(item) && (strcmp(item->string, "csr") == 0 || strcmp(item->string, "attestation_token") == 0);
    if (!good)
      az_answer_refuse(answer, MHD_HTTP_BAD_REQUEST, "invalid_request", "Not expected in the body: %s", item->string);
  }
  if (good) az_secrets_note(request->emulator, "csr", az_fault_get_string(body, "csr"));
  good = good && check_csr(issue, answer, az_fault_get_string(body, "csr")) &&
         check_attestation(issue, answer, az_fault_get(body, "attestation_token"));
  cJSON_Delete(body);
  return good;
}

static const char *get_purpose(const cJSON *fault) {
  const char *name = az_fault_get_string(fault, "eku");
  if (name == NULL || strcmp(name, "clientAuth") == 0) return GNUTLS_KP_TLS_WWW_CLIENT;
  return strcmp(name, "serverAuth") == 0 ? GNUTLS_KP_TLS_WWW_SERVER : name;
}

static gnutls_pubkey_t get_other_key(struct az_authority *authority) {
  gnutls_pubkey_t key;
  az_check(gnutls_pubkey_init(&key), "public key");
  az_check(gnutls_pubkey_import_x509(key, authority->server.certificate, 0), "public key");
  return key;
}

static char *make_certificate(struct issue *issue) {
  struct az_emulator *emulator = issue->request->emulator;
  const cJSON *fault = issue->request->fault;
  time_t now = az_clock_now(&emulator->clock);
  long token_not_after = az_fault_get_number(fault, "token_not_after_s", issue->settings.token_not_after_s);
  const struct az_identity *named =
      az_fault_is(fault, "wrong_cn") ? az_directory_get_other(&emulator->directory, issue->identity) : issue->identity;
  gnutls_pubkey_t other = az_fault_is(fault, "wrong_key") ? get_other_key(&emulator->authority) : NULL;
  struct az_certificate_order order = {
      .key = other != NULL ? other : issue->key,
      .client_id = named->client_id,
      .tenant_id = emulator->directory.tenant_id,
      .not_before = now + az_fault_get_number(fault, "not_before_s", issue->settings.not_before_s),
      .not_after = now + az_fault_get_number(fault, "validity_s", issue->settings.validity_s),
      .token_not_after = token_not_after ? now + token_not_after : 0,
      .purpose = get_purpose(fault),
  };
  gnutls_x509_crt_t certificate = az_certificate_issue(&order, &emulator->authority.issuer);
  struct az_certificate_facts facts;
  az_certificate_read(certificate, &facts);
  az_request_note(issue->request, "issued_thumbprint", facts.thumbprint);
  char *text = az_certificate_format_base64(certificate);
  gnutls_x509_crt_deinit(certificate);
  if (other != NULL) gnutls_pubkey_deinit(other);
  return text;
}

/* MI/V2/CertificateRequestResponse.cs; identity_type as MOCK has it. */
static cJSON *format(struct issue *issue) {
  struct az_emulator *emulator = issue->request->emulator;
  const struct az_identity *identity = issue->identity;
  char *certificate = make_certificate(issue);
  if (az_fault_is(issue->request->fault, "wrong_identity"))
    identity = az_directory_get_other(&emulator->directory, identity);
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "client_id", identity->client_id);
  cJSON_AddStringToObject(json, "tenant_id", emulator->directory.tenant_id);
  cJSON_AddStringToObject(json, "certificate", certificate);
  cJSON_AddStringToObject(json, "identity_type",
                          identity->kind == AZ_SYSTEM_ASSIGNED ? "SystemAssigned" : "UserAssigned");
  cJSON_AddStringToObject(json, "mtls_authentication_endpoint", az_emulator_get_origin(emulator, AZ_ON_TOKEN));
  free(certificate);
  return json;
}

static bool check_bypass(struct issue *issue, struct az_answer *answer) {
  const char *bypass = az_request_get_argument(issue->request, "bypass_cache");
  az_request_note_bool(issue->request, "bypass_cache", bypass != NULL);
  if (bypass == NULL || (issue->settings.allow_bypass_cache && strcmp(bypass, "true") == 0)) return true;
  az_answer_refuse(answer, MHD_HTTP_BAD_REQUEST, "invalid_request", "bypass_cache=%s is not supported", bypass);
  return false;
}

static bool check_content_type(struct issue *issue, struct az_answer *answer) {
  if (az_request_has_content_type(issue->request, "application/json")) return true;
  az_answer_refuse(answer, MHD_HTTP_UNSUPPORTED_MEDIA_TYPE, "invalid_request", "The body must be application/json");
  return false;
}

void az_issue_serve(struct az_request *request, struct az_answer *answer) {
  struct issue issue = {request, NULL, az_emulator_get_settings(request->emulator), NULL};
  if (az_imds_check(request, answer, "POST", &issue.identity) && check_bypass(&issue, answer) &&
      check_content_type(&issue, answer) && check_body(&issue, answer))
    az_answer_set_json(answer, MHD_HTTP_OK, format(&issue));
  if (issue.key != NULL) gnutls_pubkey_deinit(issue.key);
}
