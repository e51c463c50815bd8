#include "plugin/issue.h"

#include "core/base/json.h"
#include "plugin/certificate_check.h"
#include "plugin/leg.h"
#include "wire/endpoint.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHORT_LIFE_S (24 * 3600)        /* docs/protocol.md 7.2: a token may live as long as this */
#define TYPE_MAX 64                     /* its values are words: docs/protocol.md 16 */
#define TOKEN_PATH "/oauth2/v2.0/token" /* docs/protocol.md 8.1: MI/V2/ImdsV2ManagedIdentitySource.cs */

struct answer { /* borrowed from the JSON; snake_case here, camelCase on leg 1 (GO/imdsv2.go) */
  const char *client_id, *tenant_id, *certificate, *identity_type, *endpoint;
};

/* A reference: cJSON would not wipe a copy. */
static bool add_reference(cJSON *object, const char *name, const char *text) {
  cJSON *item = cJSON_CreateStringReference(text);
  if (item != NULL && cJSON_AddItemToObject(object, name, item)) return true;
  cJSON_Delete(item);
  return false;
}

/* {"csr":"...","attestation_token":"..."}, printed into memory that is wiped: MI/V2/CertificateRequestBody.cs. `token`
 * is a whole kg_buf, so a NUL follows it. */
static enum kg_status format_body(const char *csr, struct kg_span token, struct kg_buf *out, struct kg_error *error) {
  cJSON *json = cJSON_CreateObject();
  bool done = json != NULL && add_reference(json, "csr", csr);
  if (done && token.len) done = add_reference(json, "attestation_token", (const char *)token.data);
  done = done && kg_buf_resize(out, strlen(csr) + token.len + 128) == KG_OK &&
         cJSON_PrintPreallocated(json, (char *)out->data, (int)out->len, 0);
  if (done) out->len = strlen((const char *)out->data);
  cJSON_Delete(json);
  return done ? KG_OK : kg_error_no_memory(error, "for the request's body");
}

/* The specification wants bypass_cache on a re-mint and no client sends it yet (docs/protocol.md 6.2), so a service
 * that does not know it is asked once more without. */
static enum kg_status send(const struct kg_acquisition *acquisition, struct kg_span body,
                           struct kg_http_response *response, struct kg_error *error) {
  struct kg_leg_request leg = {.leg = KG_LEG_ISSUE, .body = body, .bypass_cache = acquisition->request->bypass_cache};
  enum kg_status status = kg_leg_perform(acquisition, &leg, response, error);
  if (status == KG_OK || !leg.bypass_cache || error->http_status != 400) return status;
  kg_acquisition_log(acquisition, KG_PLUGIN_LOG_WARN, "issuecredential: HTTP 400 to bypass_cache; again without it");
  leg.bypass_cache = false;
  return kg_leg_perform(acquisition, &leg, response, error);
}

/* Names everything that is missing, not only the first (docs/protocol.md 13, case 57). A certificate that is there and
 * empty or no string is an invalid one (case 63). */
static enum kg_status read_answer(const cJSON *json, struct answer *out, struct kg_error *error) {
  const struct {
    const char *name, **to;
  } members[] = {{"client_id", &out->client_id},
                 {"tenant_id", &out->tenant_id},
                 {"identity_type", &out->identity_type},
                 {"mtls_authentication_endpoint", &out->endpoint},
                 {"certificate", &out->certificate}};
  enum kg_status status = KG_OK;
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    bool is_certificate = members[i].to == &out->certificate;
    bool is_there = cJSON_GetObjectItemCaseSensitive(json, members[i].name) != NULL;
    struct kg_error one = {0};
    enum kg_status bad = is_certificate && is_there ? KG_E_INVALID_CERTIFICATE : KG_E_IMDS_FAILED;
    if (kg_json_require_string(json, members[i].name, bad, members[i].to, &one) == KG_OK) continue;
    if (status == KG_OK)
      status = kg_error_copy(error, &one);
    else
      (void)kg_error_prefix(error, status, "%s", one.text);
  }
  return status;
}

static enum kg_status check_identity(const struct kg_metadata *metadata, const struct answer *answer,
                                     struct kg_error *error) {
  if (OPENSSL_strcasecmp(answer->client_id, metadata->client_id) != 0)
    return kg_error_set(error, KG_E_IDENTITY, "client_id is not the one that getplatformmetadata named");
  if (OPENSSL_strcasecmp(answer->tenant_id, metadata->tenant_id) != 0)
    return kg_error_set(error, KG_E_IDENTITY, "tenant_id is not the one that getplatformmetadata named");
  return KG_OK;
}

/* It is shown and stored, so it is a word whatever it says. */
static enum kg_status check_type(const char *type, struct kg_error *error) {
  size_t len = 0;
  while (type[len] >= ' ' && type[len] <= '~')
    len++;
  if (type[len] == '\0' && len <= TYPE_MAX) return KG_OK;
  return kg_error_set(error, KG_E_IMDS_FAILED,
                      "member 'identity_type' is longer than %d bytes or holds characters that no word has", TYPE_MAX);
}

/* Its values are not agreed upon (docs/protocol.md 16, question 9), so a surprise is told and not refused. */
static void compare_type(const struct kg_acquisition *acquisition, const char *type) {
  bool system = acquisition->request->selector == KG_PLUGIN_SYSTEM_ASSIGNED;
  const char *expected = system ? "SystemAssigned" : "UserAssigned"; /* MOCK */
  if (OPENSSL_strcasecmp(type, expected) != 0)
    kg_acquisition_log(acquisition, KG_PLUGIN_LOG_WARN, "issuecredential: identity_type is not %s", expected);
}

static enum kg_status check_certificate(const struct kg_acquisition *acquisition, const struct answer *answer,
                                        struct kg_issued *out, struct kg_error *error) {
  const struct kg_plugin_bytes *info = &acquisition->request->key->public_key_info;
  struct kg_certificate_rules rules = {.public_key_info = kg_span_of(info->data, info->len),
                                       .client_id = answer->client_id,
                                       .now = kg_acquisition_now(acquisition),
                                       .server_time = out->server_time_s};
  struct kg_certificate_times times = {0, 0};
  enum kg_status status = kg_certificate_check(answer->certificate, &rules, &out->certificate, &times, error);
  if (status == KG_OK && times.not_after - rules.now <= SHORT_LIFE_S)
    kg_acquisition_log(acquisition, KG_PLUGIN_LOG_WARN, "issuecredential: the certificate ends in %lld s already",
                       (long long)(times.not_after - rules.now));
  return status;
}

/* The tenant is leg 1's spelling, whose characters were checked. */
static enum kg_status keep(const struct kg_metadata *metadata, const struct answer *answer, struct kg_issued *out,
                           struct kg_error *error) {
  size_t size = strlen(out->endpoint) + strlen(metadata->tenant_id) + sizeof TOKEN_PATH + 1;
  out->client_id = kg_strdup(answer->client_id);
  out->tenant_id = kg_strdup(answer->tenant_id);
  out->identity_type = kg_strdup(answer->identity_type);
  out->token_endpoint = malloc(size);
  if (out->client_id == NULL || out->tenant_id == NULL || out->identity_type == NULL || out->token_endpoint == NULL)
    return kg_error_no_memory(error, "for the credential");
  snprintf(out->token_endpoint, size, "%s/%s" TOKEN_PATH, out->endpoint, metadata->tenant_id);
  return KG_OK;
}

enum kg_status kg_issue_parse(const struct kg_acquisition *acquisition, const struct kg_metadata *metadata,
                              struct kg_span body, struct kg_issued *out, struct kg_error *error) {
  const char *const *allowed = acquisition->request->allowed_hosts;
  struct answer answer = {0};
  cJSON *json = kg_json_parse(body, KG_E_IMDS_FAILED, error);
  enum kg_status status = json != NULL ? read_answer(json, &answer, error) : KG_E_IMDS_FAILED;
  if (status == KG_OK) status = check_identity(metadata, &answer, error);
  if (status == KG_OK) status = check_type(answer.identity_type, error);
  if (status == KG_OK) status = check_certificate(acquisition, &answer, out, error);
  if (status == KG_OK)
    status = kg_endpoint_check("mtls_authentication_endpoint", answer.endpoint, allowed, &out->endpoint, error);
  if (status == KG_OK) status = keep(metadata, &answer, out, error);
  if (status == KG_OK) compare_type(acquisition, answer.identity_type);
  cJSON_Delete(json);
  if (status != KG_OK) kg_issued_clear(out);
  return status;
}

enum kg_status kg_issue(const struct kg_acquisition *acquisition, const struct kg_metadata *metadata, const char *csr,
                        struct kg_span attestation_token, struct kg_issued *out, struct kg_error *error) {
  struct kg_http_response response = {0};
  struct kg_buf body = {0};
  enum kg_status status = format_body(csr, attestation_token, &body, error);
  if (status == KG_OK) status = send(acquisition, kg_buf_span(&body), &response, error);
  kg_buf_clear(&body);
  if (status != KG_OK) return status;
  out->server_time_s = response.date_s;
  status = kg_issue_parse(acquisition, metadata, kg_buf_span(&response.body), out, error);
  kg_http_response_clear(&response);
  if (status != KG_OK) return kg_error_prefix(error, status, "issuecredential");
  kg_acquisition_log(acquisition, KG_PLUGIN_LOG_INFO, "issuecredential: a certificate of %zu bytes, tokens at %s",
                     out->certificate.len, out->endpoint);
  return KG_OK;
}

void kg_issued_clear(struct kg_issued *issued) {
  kg_buf_clear(&issued->certificate);
  free(issued->client_id);
  free(issued->tenant_id);
  free(issued->identity_type);
  free(issued->endpoint);
  free(issued->token_endpoint);
  memset(issued, 0, sizeof *issued);
}
