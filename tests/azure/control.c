#include "service.h"
#include "software_credential.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

static const char index_text[] =
    "GET            /emulator/counters   what was asked, in totals, and the last request of each endpoint\n"
    "GET            /emulator/requests   the facts of every request\n"
    "GET POST DELETE /emulator/faults    order faults, see the queue, forget it\n"
    "GET POST       /emulator/clock      {\"offset_s\":N}: shift what is issued\n"
    "GET POST       /emulator/settings   what the command line can say, while it runs\n"
    "POST           /emulator/reset      faults, counters, clock and settings as at the start\n"
    "GET            /emulator/identities\n"
    "POST           /emulator/issue-software-credential   a certificate and its private key, without the protocol\n";

static void reply(struct az_answer *answer, cJSON *json /* taken */) {
  az_answer_set_json(answer, MHD_HTTP_OK, json);
}

static void complain(struct az_answer *answer, char *problem /* taken */) {
  az_answer_refuse(answer, MHD_HTTP_BAD_REQUEST, "invalid_request", "%s", problem);
  free(problem);
}

static void serve_index(struct az_request *request, struct az_answer *answer) {
  (void)request;
  az_answer_set_text(answer, MHD_HTTP_OK, index_text);
  az_answer_set_header(answer, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain");
}

static void serve_counters(struct az_request *request, struct az_answer *answer) {
  reply(answer, az_counters_format(&request->emulator->counters));
}

static void serve_requests(struct az_request *request, struct az_answer *answer) {
  reply(answer, az_counters_format_requests(&request->emulator->counters));
}

static void serve_faults(struct az_request *request, struct az_answer *answer) {
  reply(answer, az_faults_format(&request->emulator->faults));
}

static void delete_faults(struct az_request *request, struct az_answer *answer) {
  az_faults_reset(&request->emulator->faults);
  serve_faults(request, answer);
}

/* One order or an array of them; in an array, those before a bad one stay queued. */
static void post_faults(struct az_request *request, struct az_answer *answer) {
  cJSON *body = cJSON_Parse(request->body);
  char *problem = NULL;
  if (cJSON_IsArray(body))
    for (const cJSON *order = body->child; order != NULL && problem == NULL; order = order->next)
      problem = az_faults_add(&request->emulator->faults, order);
  else
    problem = az_faults_add(&request->emulator->faults, body);
  cJSON_Delete(body);
  if (problem != NULL)
    complain(answer, problem);
  else
    serve_faults(request, answer);
}

static void serve_clock(struct az_request *request, struct az_answer *answer) {
  struct az_clock *clock = &request->emulator->clock;
  cJSON *json = cJSON_CreateObject();
  cJSON_AddNumberToObject(json, "offset_s", (double)az_clock_offset(clock));
  cJSON_AddNumberToObject(json, "now", (double)az_clock_now(clock));
  reply(answer, json);
}

static void post_clock(struct az_request *request, struct az_answer *answer) {
  cJSON *body = cJSON_Parse(request->body);
  const cJSON *offset = az_fault_get(body, "offset_s");
  if (cJSON_IsNumber(offset) && cJSON_GetArraySize(body) == 1) {
    az_clock_shift(&request->emulator->clock, (long)offset->valuedouble);
    serve_clock(request, answer);
  } else {
    complain(answer, az_text_dup("{\"offset_s\":number} is expected"));
  }
  cJSON_Delete(body);
}

static void serve_settings(struct az_request *request, struct az_answer *answer) {
  struct az_settings settings = az_emulator_get_settings(request->emulator);
  reply(answer, az_settings_format(&settings));
}

static void post_settings(struct az_request *request, struct az_answer *answer) {
  cJSON *body = cJSON_Parse(request->body);
  char *problem = az_emulator_change_settings(request->emulator, body);
  cJSON_Delete(body);
  if (problem != NULL)
    complain(answer, problem);
  else
    serve_settings(request, answer);
}

static void post_reset(struct az_request *request, struct az_answer *answer) {
  az_emulator_reset(request->emulator);
  reply(answer, cJSON_CreateObject());
}

static void serve_identities(struct az_request *request, struct az_answer *answer) {
  const struct az_directory *directory = &request->emulator->directory;
  cJSON *list = cJSON_CreateArray();
  for (size_t i = 0; i < directory->count; i++) {
    const struct az_identity *identity = &directory->identities[i];
    if (identity->kind == AZ_REPLACEMENT) continue; /* nobody knows of it yet */
    cJSON *item = cJSON_CreateObject();
    cJSON_AddStringToObject(item, "name", identity->name);
    cJSON_AddStringToObject(item, "client_id", identity->client_id);
    cJSON_AddStringToObject(item, "object_id", identity->object_id);
    if (identity->resource_id != NULL) cJSON_AddStringToObject(item, "mi_res_id", identity->resource_id);
    cJSON_AddStringToObject(item, "tenant_id", directory->tenant_id);
    cJSON_AddItemToArray(list, item);
  }
  reply(answer, list);
}

static void post_software_credential(struct az_request *request, struct az_answer *answer) {
  cJSON *order = cJSON_Parse(request->body[0] ? request->body : "{}"), *json = NULL;
  char *problem = az_software_credential_make(request->emulator, order, &json);
  cJSON_Delete(order);
  if (problem != NULL)
    complain(answer, problem);
  else
    reply(answer, json);
}

static const struct action {
  const char *method, *path;
  az_service *serve;
} actions[] = {
    {"GET", "/emulator", serve_index},
    {"GET", "/emulator/", serve_index},
    {"GET", "/emulator/counters", serve_counters},
    {"GET", "/emulator/requests", serve_requests},
    {"GET", "/emulator/faults", serve_faults},
    {"POST", "/emulator/faults", post_faults},
    {"DELETE", "/emulator/faults", delete_faults},
    {"GET", "/emulator/clock", serve_clock},
    {"POST", "/emulator/clock", post_clock},
    {"GET", "/emulator/settings", serve_settings},
    {"POST", "/emulator/settings", post_settings},
    {"POST", "/emulator/reset", post_reset},
    {"GET", "/emulator/identities", serve_identities},
    {"POST", "/emulator/issue-software-credential", post_software_credential},
};

void az_control_serve(struct az_request *request, struct az_answer *answer) {
  bool path_known = false;
  for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
    if (strcmp(actions[i].path, request->path) != 0) continue;
    path_known = true;
    if (strcmp(actions[i].method, request->method) != 0) continue;
    actions[i].serve(request, answer);
    return;
  }
  az_answer_refuse(answer, path_known ? MHD_HTTP_METHOD_NOT_ALLOWED : MHD_HTTP_NOT_FOUND, "not_found",
                   "%s %s: no such thing", request->method, request->path);
}
