#include "ctl/probe.h"

#include "core/base/log.h"
#include "ctl/ca_file.h"
#include "ctl/environment.h"
#include "wire/http.h"
#include "wire/retry.h"
#include "wire/uuid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUILT_IN_ENDPOINT "http://169.254.169.254" /* MI/ImdsManagedIdentitySource.cs */
/* GO/imdsv2_client.go; MI/ImdsManagedIdentitySource.cs. No Metadata header: only a host that routes the path can refuse
 * the request for the lack of it. */
#define PATH_V2 "/metadata/identity/getplatformmetadata?cred-api-version=2.0"
#define PATH_V1 "/metadata/identity/oauth2/token?api-version=2018-02-01"

struct probe {
  const struct kg_clock *clock;
  const char *endpoint;
  int64_t deadline_ms;
  struct kg_probe_result *result;
  const char *ca_file;
};

static int64_t left_ms(const struct probe *probe) {
  return probe->deadline_ms - probe->clock->elapsed_ms(probe->clock->context);
}

static enum kg_status ask(const struct probe *probe, const char *path, struct kg_http_response *response,
                          struct kg_error *error) {
  char id[KG_UUID_SIZE], header[64];
  const char *const headers[] = {"Accept: application/json", header, NULL};
  enum kg_status status = kg_uuid_new(id, error);
  if (status != KG_OK) return status;
  char url[512];
  snprintf(url, sizeof url, "%s%s", probe->endpoint, path);
  snprintf(header, sizeof header, "x-ms-client-request-id: %s", id);
  const struct kg_http_request request = {.kind = KG_HTTP_METADATA,
                                          .method = "GET",
                                          .url = url,
                                          .headers = headers,
                                          .timeout_ms = left_ms(probe),
                                          .ca_file = probe->ca_file};
  return kg_http_perform(&request, response, error);
}

/* The HTTP status in the end; 0 where there was no answer in time. */
static int status_of(const struct probe *probe, const char *path) {
  struct kg_http_response response = {0};
  struct kg_retry retry = {0};
  struct kg_error error = {0};
  int64_t delay_ms = 0;
  enum kg_status status = ask(probe, path, &response, &error);
  while ((status != KG_OK || response.status != 400) &&
         kg_retry_next(&retry, KG_LEG_PROBE, status, response.status, response.retry_after_s, &delay_ms) &&
         delay_ms < left_ms(probe)) {
    kg_log(KG_LOG_INFO, "metadata service: %s %d to the probe; retry %u of %u in %lld ms, %lld ms are left",
           status == KG_OK ? "HTTP" : kg_status_sub_code(status), response.status, retry.failures, retry.limit,
           (long long)delay_ms, (long long)left_ms(probe));
    probe->clock->sleep_ms(probe->clock->context, delay_ms);
    status = ask(probe, path, &response, &error);
  }
  int http_status = status == KG_OK ? response.status : 0;
  if (response.date_s) probe->result->server_time_s = response.date_s;
  probe->result->status = status != KG_OK ? status : http_status == 404 ? KG_E_IMDS_V1_ONLY : KG_E_IMDS_FAILED;
  if (status != KG_OK)
    snprintf(probe->result->reason, sizeof probe->result->reason, "%.250s", error.text);
  else if (http_status != 400)
    snprintf(probe->result->reason, sizeof probe->result->reason, "the metadata service answered HTTP %d", http_status);
  kg_http_response_clear(&response);
  return http_status;
}

/* There is no version 2: the reason names why, and why there is no version 1 either. */
static void ask_v1(const struct probe *probe) {
  struct kg_probe_result *result = probe->result;
  enum kg_status status = result->status;
  char first[sizeof result->reason];
  memcpy(first, result->reason, sizeof first);
  if (status_of(probe, PATH_V1) == 400) {
    result->version = KG_PROBE_V1;
    memcpy(result->reason, first, sizeof first);
  } else {
    char second[sizeof result->reason];
    memcpy(second, result->reason, sizeof second);
    snprintf(result->reason, sizeof result->reason, "v2: %.120s; v1: %.120s", first, second);
  }
  result->status = status;
}

enum kg_status kg_probe_metadata(const struct kg_config *config, const struct kg_clock *clock, int64_t budget_ms,
                                 struct kg_probe_result *out, struct kg_error *error) {
  *out = (struct kg_probe_result){0};
  char *endpoint = NULL;
  enum kg_status status = kg_environment_metadata_endpoint(config, &endpoint, error);
  if (status == KG_OK) status = kg_ca_file_check(config, error);
  if (status != KG_OK) {
    free(endpoint);
    return status;
  }
  struct probe probe = {clock, endpoint != NULL ? endpoint : BUILT_IN_ENDPOINT,
                        clock->elapsed_ms(clock->context) + budget_ms, out, config->ca_file};
  if (status_of(&probe, PATH_V2) == 400) {
    out->version = KG_PROBE_V2;
    out->status = KG_OK;
    out->reason[0] = 0;
  } else {
    ask_v1(&probe);
  }
  free(endpoint);
  return KG_OK;
}
