#include "plugin/leg.h"

#include "wire/answer.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ATTEMPT_MS 10000 /* docs/pitfalls.md 43: the service promises an answer within 10 s */

/* MI/ImdsManagedIdentitySource.cs; live IMDS refuses a request without the id (GO/imdsv2_client.go). */
#define VERSION_QUERY "cred-api-version=2.0"
#define HEADER_METADATA "Metadata: true"
#define HEADER_ACCEPT "Accept: application/json"
#define HEADER_REQUEST_ID "x-ms-client-request-id: "
#define HEADER_CONTENT_TYPE "Content-Type: application/json; charset=utf-8"
#define BYPASS_QUERY "&bypass_cache=true" /* DOC/msi_v2/msiv2_revocation_spec.md */

static const struct leg {
  const char *name, *method, *path;
} legs[] = {
    /* MI/V2/ImdsV2ManagedIdentitySource.cs */
    [KG_LEG_METADATA] = {"getplatformmetadata", "GET", "/metadata/identity/getplatformmetadata"},
    [KG_LEG_ISSUE] = {"issuecredential", "POST", "/metadata/identity/issuecredential"},
};

/* MIC/Internal/Constants.cs; the older service's msi_res_id is not this one's name. */
static const char *const selectors[] = {
    [KG_PLUGIN_SYSTEM_ASSIGNED] = "",
    [KG_PLUGIN_CLIENT_ID] = "&client_id=",
    [KG_PLUGIN_OBJECT_ID] = "&object_id=",
    [KG_PLUGIN_RESOURCE_ID] = "&mi_res_id=",
};

struct attempts { /* of one leg */
  const struct kg_acquisition *acquisition;
  const struct leg *leg;
  struct kg_http_request http;
  struct kg_retry retry;
  int64_t started_ms, waited_ms;
};

static char *format_url(const struct kg_acquisition *acquisition, const struct kg_leg_request *request) {
  const struct kg_plugin_request *asked = acquisition->request;
  const char *path = legs[request->leg].path, *selector = selectors[asked->selector];
  const char *bypass = request->bypass_cache ? BYPASS_QUERY : "";
  char *value = kg_http_escape(asked->selector_value != NULL ? asked->selector_value : "");
  size_t size = strlen(acquisition->metadata_origin) + strlen(path) + sizeof VERSION_QUERY + strlen(selector) +
                (value != NULL ? strlen(value) : 0) + strlen(bypass) + 2;
  char *url = value != NULL ? malloc(size) : NULL;
  if (url != NULL)
    snprintf(url, size, "%s%s?" VERSION_QUERY "%s%s%s", acquisition->metadata_origin, path, selector, value, bypass);
  free(value);
  return url;
}

static bool contains(const char *text, const char *part) {
  for (size_t len = strlen(part); *text; text++)
    if (OPENSSL_strncasecmp(text, part, len) == 0) return true;
  return false;
}

/* NET#5565: an identity that the machine does not have is a 400 with words; it is no sign of an older service. */
static bool says_unassigned(const struct kg_http_response *response, const char *text) {
  return response->status == 400 && (contains(text, "identity not found") || contains(text, "not assigned") ||
                                     contains(text, "not been assigned"));
}

static enum kg_status describe_answer(const struct attempts *attempts, const struct kg_http_response *response,
                                      struct kg_error *error) {
  bool v1_only = response->status == 404 && attempts->leg == &legs[KG_LEG_METADATA];
  enum kg_status status = v1_only ? KG_E_IMDS_V1_ONLY : KG_E_IMDS_FAILED;
  status = kg_answer_error(status, attempts->leg->name, response, error);
  if (says_unassigned(response, error->text)) return kg_error_change(error, KG_E_IDENTITY);
  if (v1_only) return kg_error_prefix(error, status, "this machine's metadata service has no managed identity v2");
  return status;
}

static enum kg_status describe(const struct attempts *attempts, enum kg_status status, bool out_of_time,
                               const struct kg_http_response *response, struct kg_error *error) {
  if (status != KG_OK)
    (void)kg_error_prefix(error, status, "%s", attempts->leg->name);
  else
    status = describe_answer(attempts, response, error);
  if (out_of_time) status = kg_error_prefix(error, KG_E_TIMEOUT, "no time left to retry");
  kg_error_append(error, " (%u retries, correlation id %s)", attempts->retry.failures,
                  attempts->acquisition->correlation_id);
  return status;
}

static int64_t elapsed_ms(const struct attempts *attempts) {
  const struct kg_plugin_host *host = attempts->acquisition->request->host;
  return host->elapsed_ms(host->context) - attempts->started_ms;
}

static void tally(const struct kg_acquisition *acquisition, bool sent, const struct kg_http_response *response) {
  if (acquisition->tally == NULL) return;
  acquisition->tally->requests += sent;
  acquisition->tally->retry_after_s = response->retry_after_s > 0 ? response->retry_after_s : 0;
}

static enum kg_status try_once(struct attempts *attempts, struct kg_http_response *response, struct kg_error *error) {
  int64_t left_ms = kg_acquisition_left_ms(attempts->acquisition);
  attempts->http.timeout_ms = left_ms < ATTEMPT_MS ? left_ms : ATTEMPT_MS;
  enum kg_status status = kg_http_perform(&attempts->http, response, error);
  tally(attempts->acquisition, left_ms > 0, response);
  kg_acquisition_log(attempts->acquisition, KG_PLUGIN_LOG_DEBUG, "%s: %s, HTTP %d, %zu bytes from %s, %lld ms",
                     attempts->leg->name, status != KG_OK ? kg_status_name(status) : "answered", response->status,
                     response->body.len, *response->remote ? response->remote : "nowhere",
                     (long long)elapsed_ms(attempts));
  return status;
}

/* Sleeps; false: the deadline comes first. */
static bool wait_for_next(struct attempts *attempts, enum kg_status status, const struct kg_http_response *response,
                          int64_t delay_ms) {
  const struct kg_plugin_host *host = attempts->acquisition->request->host;
  if (delay_ms >= kg_acquisition_left_ms(attempts->acquisition)) return false;
  /* DOC/imds_retry_based_on_errors.md asks for count and waited time in the log. */
  kg_acquisition_log(attempts->acquisition, KG_PLUGIN_LOG_WARN,
                     "%s: %s %d; retry %u of %u in %lld ms, waited %lld ms of %lld ms so far", attempts->leg->name,
                     status != KG_OK ? kg_status_sub_code(status) : "HTTP", response->status, attempts->retry.failures,
                     attempts->retry.limit, (long long)delay_ms, (long long)attempts->waited_ms,
                     (long long)elapsed_ms(attempts));
  host->sleep_ms(host->context, delay_ms);
  attempts->waited_ms += delay_ms;
  return true;
}

static enum kg_status try_until_done(struct attempts *attempts, enum kg_leg leg, struct kg_http_response *response,
                                     struct kg_error *error) {
  for (;;) {
    enum kg_status status = try_once(attempts, response, error);
    if (status == KG_OK && response->status == 200) return KG_OK;
    int64_t delay_ms = 0;
    bool again = kg_retry_next(&attempts->retry, leg, status, status != KG_OK ? 0 : response->status,
                               response->retry_after_s, &delay_ms);
    if (!again) return describe(attempts, status, false, response, error);
    if (wait_for_next(attempts, status, response, delay_ms)) continue;
    attempts->retry.failures--; /* that one is not made */
    return describe(attempts, status, true, response, error);
  }
}

enum kg_status kg_leg_perform(const struct kg_acquisition *acquisition, const struct kg_leg_request *request,
                              struct kg_http_response *response, struct kg_error *error) {
  const struct kg_plugin_host *host = acquisition->request->host;
  struct attempts attempts = {.acquisition = acquisition, .leg = &legs[request->leg]};
  char *url = format_url(acquisition, request);
  if (url == NULL) return kg_error_no_memory(error, "for a URL");
  char request_id[sizeof HEADER_REQUEST_ID + KG_UUID_SIZE];
  snprintf(request_id, sizeof request_id, HEADER_REQUEST_ID "%s", acquisition->correlation_id);
  const char *headers[] = {HEADER_METADATA, request_id, HEADER_ACCEPT, request->body.len ? HEADER_CONTENT_TYPE : NULL,
                           NULL};
  attempts.http = (struct kg_http_request){.kind = KG_HTTP_METADATA,
                                           .method = attempts.leg->method,
                                           .url = url,
                                           .headers = headers,
                                           .body = request->body,
                                           .ca_file = acquisition->request->ca_file};
  attempts.retry.seed = acquisition->request->retry_seed;
  attempts.started_ms = host->elapsed_ms(host->context);
  enum kg_status status = try_until_done(&attempts, request->leg, response, error);
  if (status != KG_OK) kg_http_response_clear(response);
  free(url);
  return status;
}
