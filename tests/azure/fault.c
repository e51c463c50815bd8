#include "fault.h"

#include "text.h"

#include <string.h>

enum type { NUMBER, BOOLEAN, STRING, OBJECT, STRINGS, TEXT_OR_OBJECT, STRING_OR_NULL, TRUE_OR_STRING };

static const char *const type_names[] = {"a number",         "a boolean",           "a string",
                                         "an object",        "an array of strings", "a string or an object",
                                         "a string or null", "true or a string"};

#define ON(endpoint) (1u << (endpoint))
#define METADATA ON(AZ_METADATA)
#define ISSUE ON(AZ_ISSUE)
#define ATTESTATION ON(AZ_ATTESTATION)
#define TOKEN ON(AZ_TOKEN)
#define RESOURCE ON(AZ_RESOURCE)
#define ALL (METADATA | ISSUE | ATTESTATION | TOKEN | RESOURCE)

static const struct key {
  const char *name;
  enum type type;
  unsigned endpoints;
} keys[] = {
    {"endpoint", STRING, ALL},
    {"times", NUMBER, ALL},
    {"status", NUMBER, ALL},
    {"headers", OBJECT, ALL},
    {"body", TEXT_OR_OBJECT, ALL},
    {"delay_ms", NUMBER, ALL},
    {"reset", TRUE_OR_STRING, ALL},
    {"truncate", BOOLEAN, ALL},
    {"oversize", BOOLEAN, ALL},
    {"redirect", STRING, ALL},
    {"omit", STRINGS, ALL},
    {"replace", OBJECT, ALL},
    {"server_header", STRING_OR_NULL, ALL},
    {"tls_alert", TRUE_OR_STRING, ATTESTATION | TOKEN | RESOURCE},
    {"claims", OBJECT, ATTESTATION | TOKEN},
    {"wrong_key", BOOLEAN, ISSUE | ATTESTATION},
    {"wrong_signature", BOOLEAN, ATTESTATION | TOKEN},
    {"wrong_identity", BOOLEAN, METADATA | ISSUE},
    {"wrong_cn", BOOLEAN, ISSUE},
    {"validity_s", NUMBER, ISSUE | ATTESTATION | TOKEN},
    {"not_before_s", NUMBER, ISSUE | ATTESTATION},
    {"token_not_after_s", NUMBER, ISSUE},
    {"eku", STRING, ISSUE},
    {"token_type", STRING, TOKEN},
    {"cnf", STRING, TOKEN},
    {"oauth_error", OBJECT, TOKEN},
};

void az_faults_init(struct az_faults *faults) {
  pthread_mutex_init(&faults->lock, NULL);
  faults->queue = cJSON_CreateArray();
}

void az_faults_clear(struct az_faults *faults) {
  cJSON_Delete(faults->queue);
  pthread_mutex_destroy(&faults->lock);
}

void az_faults_reset(struct az_faults *faults) {
  pthread_mutex_lock(&faults->lock);
  cJSON_Delete(faults->queue);
  faults->queue = cJSON_CreateArray();
  pthread_mutex_unlock(&faults->lock);
}

static bool holds_strings(const cJSON *item) {
  if (!cJSON_IsArray(item) && !cJSON_IsObject(item)) return false;
  for (const cJSON *element = item->child; element != NULL; element = element->next)
    if (!cJSON_IsString(element)) return false;
  return true;
}

static bool has_type(const cJSON *item, enum type type) {
  switch (type) {
  case NUMBER:
    return cJSON_IsNumber(item);
  case BOOLEAN:
    return cJSON_IsBool(item);
  case STRING:
    return cJSON_IsString(item);
  case OBJECT:
    return cJSON_IsObject(item);
  case STRINGS:
    return cJSON_IsArray(item) && holds_strings(item);
  case TEXT_OR_OBJECT:
    return cJSON_IsString(item) || cJSON_IsObject(item);
  case STRING_OR_NULL:
    return cJSON_IsString(item) || cJSON_IsNull(item);
  case TRUE_OR_STRING:
    return cJSON_IsTrue(item) || cJSON_IsString(item);
  }
  return false;
}

static int find_endpoint(const cJSON *order) {
  const char *name = az_fault_get_string(order, "endpoint");
  for (int i = 0; name != NULL && i < AZ_FAULTY_ENDPOINTS; i++)
    if (strcmp(az_endpoint_names[i], name) == 0) return i;
  return -1;
}

static const struct key *find_key(const char *name) {
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (strcmp(keys[i].name, name) == 0) return &keys[i];
  return NULL;
}

static char *check_member(const cJSON *item, int endpoint) {
  const struct key *key = find_key(item->string);
  if (key == NULL) return az_text_format("unknown key: %s", item->string);
  if (!(key->endpoints & ON(endpoint)))
    return az_text_format("%s means nothing to endpoint %s", item->string, az_endpoint_names[endpoint]);
  if (!has_type(item, key->type)) return az_text_format("%s must be %s", item->string, type_names[key->type]);
  return NULL;
}

static char *check_values(const cJSON *order) {
  long status = az_fault_get_number(order, "status", 200);
  const cJSON *headers = az_fault_get(order, "headers");
  if (status < 200 || status > 599) return az_text_dup("status must be between 200 and 599");
  if (az_fault_get_number(order, "times", 1) == 0) return az_text_dup("times must not be 0");
  if (headers != NULL && !holds_strings(headers)) return az_text_dup("headers must hold strings");
  return NULL;
}

static char *check(const cJSON *order) {
  int endpoint = find_endpoint(order);
  if (!cJSON_IsObject(order)) return az_text_dup("a JSON object is expected");
  if (endpoint < 0) return az_text_dup("endpoint must be metadata, issue, attestation, token or resource");
  for (const cJSON *item = order->child; item != NULL; item = item->next) {
    char *problem = check_member(item, endpoint);
    if (problem != NULL) return problem;
  }
  return check_values(order);
}

char *az_faults_add(struct az_faults *faults, const cJSON *order) {
  char *problem = check(order);
  if (problem != NULL) return problem;
  cJSON *copy = cJSON_Duplicate(order, 1);
  if (!cJSON_HasObjectItem(copy, "times")) cJSON_AddNumberToObject(copy, "times", 1);
  pthread_mutex_lock(&faults->lock);
  cJSON_AddItemToArray(faults->queue, copy);
  pthread_mutex_unlock(&faults->lock);
  return NULL;
}

cJSON *az_faults_format(struct az_faults *faults) {
  pthread_mutex_lock(&faults->lock);
  cJSON *copy = cJSON_Duplicate(faults->queue, 1);
  pthread_mutex_unlock(&faults->lock);
  return copy;
}

static bool is_for_handshake(const cJSON *fault) {
  const char *when = az_fault_get_string(fault, "reset");
  return cJSON_HasObjectItem(fault, "tls_alert") || (when != NULL && strcmp(when, "handshake") == 0);
}

static cJSON *use_locked(struct az_faults *faults, cJSON *fault) {
  cJSON *copy = cJSON_Duplicate(fault, 1), *times = cJSON_GetObjectItemCaseSensitive(fault, "times");
  if (times->valuedouble == 1)
    cJSON_Delete(cJSON_DetachItemViaPointer(faults->queue, fault));
  else if (times->valuedouble > 0)
    cJSON_SetNumberValue(times, times->valuedouble - 1);
  return copy;
}

static cJSON *take(struct az_faults *faults, enum az_endpoint endpoint, bool handshake) {
  pthread_mutex_lock(&faults->lock);
  cJSON *taken = NULL;
  for (cJSON *fault = faults->queue->child; fault != NULL; fault = fault->next) {
    if (find_endpoint(fault) != (int)endpoint) continue;
    if (is_for_handshake(fault) == handshake) taken = use_locked(faults, fault);
    break;
  }
  pthread_mutex_unlock(&faults->lock);
  return taken;
}

cJSON *az_faults_take(struct az_faults *faults, enum az_endpoint endpoint) {
  return take(faults, endpoint, false);
}

cJSON *az_faults_take_handshake(struct az_faults *faults, enum az_endpoint endpoint) {
  return take(faults, endpoint, true);
}

const cJSON *az_fault_get(const cJSON *fault, const char *name) {
  return cJSON_GetObjectItemCaseSensitive(fault, name);
}

bool az_fault_is(const cJSON *fault, const char *name) {
  return cJSON_IsTrue(az_fault_get(fault, name));
}

long az_fault_get_number(const cJSON *fault, const char *name, long otherwise) {
  const cJSON *item = az_fault_get(fault, name);
  return cJSON_IsNumber(item) ? (long)item->valuedouble : otherwise;
}

const char *az_fault_get_string(const cJSON *fault, const char *name) {
  return cJSON_GetStringValue(az_fault_get(fault, name));
}

void az_fault_override(cJSON *json, const cJSON *fault, const char *name) {
  const cJSON *members = az_fault_get(fault, name);
  for (const cJSON *item = members != NULL ? members->child : NULL; item != NULL; item = item->next) {
    cJSON_DeleteItemFromObjectCaseSensitive(json, item->string);
    if (!cJSON_IsNull(item)) cJSON_AddItemToObject(json, item->string, cJSON_Duplicate(item, 1));
  }
}
