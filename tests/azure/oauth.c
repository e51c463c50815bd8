#include "oauth.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct ids {
  char trace[AZ_GUID_SIZE], correlation[AZ_GUID_SIZE], timestamp[AZ_CLOCK_ISO_SIZE];
};

static void make_ids(struct az_request *request, struct ids *ids) {
  const char *id = az_request_get_header(request, "client-request-id");
  az_text_guid(ids->trace);
  if (id != NULL && az_text_is_guid(id))
    memcpy(ids->correlation, id, AZ_GUID_SIZE);
  else
    az_text_guid(ids->correlation);
  az_clock_format_iso(az_clock_now(&request->emulator->clock), ids->timestamp);
}

static cJSON *format(struct az_request *request, const char *error, const char *description, cJSON *codes) {
  struct ids ids;
  make_ids(request, &ids);
  char *whole = az_text_format("%s Trace ID: %s Correlation ID: %s Timestamp: %s", description, ids.trace,
                               ids.correlation, ids.timestamp);
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "error", error);
  cJSON_AddStringToObject(json, "error_description", whole);
  if (codes != NULL) cJSON_AddItemToObject(json, "error_codes", codes);
  cJSON_AddStringToObject(json, "timestamp", ids.timestamp);
  cJSON_AddStringToObject(json, "trace_id", ids.trace);
  cJSON_AddStringToObject(json, "correlation_id", ids.correlation);
  free(whole);
  return json;
}

void az_oauth_refuse(struct az_request *request, struct az_answer *answer, unsigned status, const char *error,
                     long code, const char *text, ...) {
  va_list arguments;
  va_start(arguments, text);
  char message[512];
  vsnprintf(message, sizeof message, text, arguments);
  va_end(arguments);
  char description[600];
  snprintf(description, sizeof description, "AADSTS%ld: %s", code, message);
  cJSON *codes = cJSON_CreateArray();
  cJSON_AddItemToArray(codes, cJSON_CreateNumber((double)code));
  az_answer_set_json(answer, status, format(request, error, description, codes));
  az_answer_set_reason(answer, description);
}

static char *describe(const cJSON *ordered, const cJSON *codes) {
  const char *given = az_fault_get_string(ordered, "error_description");
  const cJSON *first = cJSON_GetArrayItem(codes, 0);
  if (given != NULL) return az_text_dup(given);
  if (cJSON_IsNumber(first)) return az_text_format("AADSTS%.0f: An error ordered by the test.", first->valuedouble);
  return az_text_dup("An error ordered by the test.");
}

void az_oauth_refuse_by_fault(struct az_request *request, struct az_answer *answer, const cJSON *ordered) {
  const char *error = az_fault_get_string(ordered, "error"), *sub = az_fault_get_string(ordered, "suberror");
  const cJSON *codes = az_fault_get(ordered, "error_codes");
  char *description = describe(ordered, codes);
  if (error == NULL) error = "invalid_client";
  long status = az_fault_get_number(ordered, "status", strcmp(error, "invalid_client") == 0 ? 401 : 400);
  cJSON *json = format(request, error, description, cJSON_Duplicate(codes, 1));
  if (sub != NULL) cJSON_AddStringToObject(json, "suberror", sub);
  az_answer_set_json(answer, (unsigned)status, json);
  az_answer_set_reason(answer, description);
  free(description);
}

void az_oauth_set_headers(struct az_request *request, struct az_answer *answer) {
  const char *id = az_request_get_header(request, "client-request-id");
  const char *wanted = az_request_get_header(request, "return-client-request-id");
  az_answer_set_header(answer, "Cache-Control", "no-store, no-cache");
  if (id != NULL && wanted != NULL && strcasecmp(wanted, "true") == 0)
    az_answer_set_header(answer, "client-request-id", id);
}
