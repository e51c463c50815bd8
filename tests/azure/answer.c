#include "answer.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OVERSIZE (2u * 1024 * 1024) /* clients stop at 1 MiB (GO/imdsv2_client.go) */

void az_answer_init(struct az_answer *answer) {
  *answer = (struct az_answer){.status = 200, .headers = cJSON_CreateObject()};
  az_answer_set_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json; charset=utf-8");
}

void az_answer_clear(struct az_answer *answer) {
  cJSON_Delete(answer->json);
  cJSON_Delete(answer->headers);
  free(answer->text);
  free(answer->reason);
}

void az_answer_set_json(struct az_answer *answer, unsigned status, cJSON *json) {
  cJSON_Delete(answer->json);
  answer->status = status;
  answer->json = json;
}

void az_answer_set_text(struct az_answer *answer, unsigned status, const char *text) {
  free(answer->text);
  answer->status = status;
  answer->text = az_text_dup(text);
}

void az_answer_set_header(struct az_answer *answer, const char *name, const char *value) {
  cJSON_DeleteItemFromObject(answer->headers, name); /* any case, as header names are */
  cJSON_AddItemToObject(answer->headers, name, value != NULL ? cJSON_CreateString(value) : cJSON_CreateNull());
}

void az_answer_set_reason(struct az_answer *answer, const char *reason) {
  free(answer->reason);
  answer->reason = az_text_dup(reason);
}

void az_answer_refuse(struct az_answer *answer, unsigned status, const char *error, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  char description[1024];
  vsnprintf(description, sizeof description, format, arguments);
  va_end(arguments);
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "error", error);
  cJSON_AddStringToObject(json, "error_description", description);
  az_answer_set_json(answer, status, json);
  az_answer_set_reason(answer, description);
}

bool az_answer_require_method(struct az_answer *answer, const struct az_request *request, const char *method) {
  if (strcmp(request->method, method) == 0) return true;
  az_answer_refuse(answer, MHD_HTTP_METHOD_NOT_ALLOWED, "method_not_allowed", "%s is not allowed here: use %s",
                   request->method, method);
  az_answer_set_header(answer, MHD_HTTP_HEADER_ALLOW, method);
  return false;
}

static void set_fault_body(struct az_answer *answer, const cJSON *body, unsigned status) {
  if (cJSON_IsObject(body))
    az_answer_set_json(answer, status, cJSON_Duplicate(body, 1));
  else if (cJSON_IsString(body))
    az_answer_set_text(answer, status, body->valuestring);
  else if (status >= 400)
    az_answer_refuse(answer, status, "fault", "A fault with status %u was ordered", status);
  else
    az_answer_set_text(answer, status, "");
}

bool az_answer_replace(struct az_answer *answer, const cJSON *fault) {
  const char *location = az_fault_get_string(fault, "redirect");
  const cJSON *body = az_fault_get(fault, "body");
  long status = az_fault_get_number(fault, "status", location != NULL ? MHD_HTTP_TEMPORARY_REDIRECT : 0);
  if (!status && body == NULL) return false;
  set_fault_body(answer, body, status ? (unsigned)status : 200);
  if (location != NULL) az_answer_set_header(answer, MHD_HTTP_HEADER_LOCATION, location);
  return true;
}

static void spoil_json(cJSON *json, const cJSON *fault) {
  for (const cJSON *name = cJSON_GetObjectItemCaseSensitive(fault, "omit") != NULL ? az_fault_get(fault, "omit")->child
                                                                                   : NULL;
       name != NULL; name = name->next)
    cJSON_DeleteItemFromObjectCaseSensitive(json, name->valuestring);
  const cJSON *replace = az_fault_get(fault, "replace");
  for (const cJSON *item = replace != NULL ? replace->child : NULL; item != NULL; item = item->next) {
    cJSON_DeleteItemFromObjectCaseSensitive(json, item->string);
    cJSON_AddItemToObject(json, item->string, cJSON_Duplicate(item, 1));
  }
}

void az_answer_spoil(struct az_answer *answer, const cJSON *fault) {
  const cJSON *headers = az_fault_get(fault, "headers"), *server = az_fault_get(fault, "server_header");
  if (answer->json != NULL) spoil_json(answer->json, fault);
  for (const cJSON *header = headers != NULL ? headers->child : NULL; header != NULL; header = header->next)
    az_answer_set_header(answer, header->string, header->valuestring);
  if (server != NULL) az_answer_set_header(answer, "Server", cJSON_GetStringValue(server));
  answer->truncate = az_fault_is(fault, "truncate");
  answer->oversize = az_fault_is(fault, "oversize");
}

/* Blanks after the value: still good JSON, so that only a size limit can refuse it. */
static char *pad(char *text) {
  size_t len = strlen(text);
  char *padded = az_new(OVERSIZE + len + 1);
  memcpy(padded, text, len);
  memset(padded + len, ' ', OVERSIZE);
  free(text);
  return padded;
}

static char *format_body(const struct az_answer *answer) {
  char *body;
  if (answer->text != NULL || answer->json == NULL) {
    body = az_text_dup(answer->text != NULL ? answer->text : "");
  } else {
    char *printed = cJSON_PrintUnformatted(answer->json);
    body = az_text_dup(printed);
    cJSON_free(printed);
  }
  return answer->oversize ? pad(body) : body;
}

static ssize_t read_half(void *context, uint64_t position, char *buffer, size_t size) {
  const char *body = context;
  size_t half = strlen(body) / 2;
  if (position >= half) return MHD_CONTENT_READER_END_WITH_ERROR;
  size_t len = half - (size_t)position < size ? half - (size_t)position : size;
  memcpy(buffer, body + position, len);
  return (ssize_t)len;
}

static struct MHD_Response *new_response(char *body /* taken */, bool truncate) {
  if (truncate) return MHD_create_response_from_callback(strlen(body), 4096, read_half, body, free);
  return MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_MUST_FREE);
}

int az_answer_send(struct az_answer *answer, struct az_request *request) {
  char date[AZ_CLOCK_HTTP_SIZE];
  az_clock_format_http(az_clock_now(&request->emulator->clock), date);
  if (!cJSON_HasObjectItem(answer->headers, MHD_HTTP_HEADER_DATE))
    az_answer_set_header(answer, MHD_HTTP_HEADER_DATE, date);
  struct MHD_Response *response = new_response(format_body(answer), answer->truncate);
  if (response == NULL) abort();
  for (const cJSON *header = answer->headers->child; header != NULL; header = header->next)
    if (cJSON_IsString(header)) MHD_add_response_header(response, header->string, header->valuestring);
  enum MHD_Result result = MHD_queue_response(request->connection, answer->status, response);
  MHD_destroy_response(response);
  return (int)result;
}
