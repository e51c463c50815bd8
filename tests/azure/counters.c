#include "counters.h"

#include <stdio.h>

#define REQUESTS_MAX 2000

const char *const az_endpoint_names[AZ_COUNTED_ENDPOINTS] = {"metadata", "issue",  "attestation", "token",
                                                             "resource", "canary", "other"};

static void raise_number(cJSON *object, const char *name) {
  cJSON *number = cJSON_GetObjectItemCaseSensitive(object, name);
  if (number != NULL)
    cJSON_SetNumberValue(number, number->valuedouble + 1);
  else
    cJSON_AddNumberToObject(object, name, 1);
}

static cJSON *new_endpoint(void) {
  cJSON *endpoint = cJSON_CreateObject();
  cJSON_AddNumberToObject(endpoint, "connections", 0);
  cJSON_AddNumberToObject(endpoint, "requests", 0);
  cJSON_AddNumberToObject(endpoint, "max_in_flight", 0);
  cJSON_AddObjectToObject(endpoint, "status");
  cJSON_AddObjectToObject(endpoint, "tls");
  cJSON *certificate = cJSON_AddObjectToObject(endpoint, "client_certificate");
  cJSON_AddNumberToObject(certificate, "with", 0);
  cJSON_AddNumberToObject(certificate, "without", 0);
  cJSON_AddNullToObject(endpoint, "last");
  return endpoint;
}

static void create_locked(struct az_counters *counters) {
  counters->endpoints = cJSON_CreateObject();
  counters->requests = cJSON_CreateArray();
  for (int i = 0; i < AZ_COUNTED_ENDPOINTS; i++)
    cJSON_AddItemToObject(counters->endpoints, az_endpoint_names[i], new_endpoint());
}

static void delete_locked(struct az_counters *counters) {
  cJSON_Delete(counters->endpoints);
  cJSON_Delete(counters->requests);
}

void az_counters_init(struct az_counters *counters) {
  *counters = (struct az_counters){0};
  pthread_mutex_init(&counters->lock, NULL);
  create_locked(counters);
}

void az_counters_clear(struct az_counters *counters) {
  delete_locked(counters);
  pthread_mutex_destroy(&counters->lock);
}

void az_counters_reset(struct az_counters *counters) {
  pthread_mutex_lock(&counters->lock);
  delete_locked(counters);
  create_locked(counters);
  counters->begun = 0; /* in_flight stays: those requests will still end */
  pthread_mutex_unlock(&counters->lock);
}

static cJSON *get_locked(struct az_counters *counters, enum az_endpoint endpoint) {
  return cJSON_GetObjectItemCaseSensitive(counters->endpoints, az_endpoint_names[endpoint]);
}

void az_counters_connect(struct az_counters *counters, enum az_endpoint endpoint) {
  pthread_mutex_lock(&counters->lock);
  raise_number(get_locked(counters, endpoint), "connections");
  pthread_mutex_unlock(&counters->lock);
}

long az_counters_begin(struct az_counters *counters, enum az_endpoint endpoint) {
  pthread_mutex_lock(&counters->lock);
  cJSON *entry = get_locked(counters, endpoint);
  cJSON *most = cJSON_GetObjectItemCaseSensitive(entry, "max_in_flight");
  raise_number(entry, "requests");
  if (++counters->in_flight[endpoint] > most->valuedouble) cJSON_SetNumberValue(most, counters->in_flight[endpoint]);
  long number = ++counters->begun;
  pthread_mutex_unlock(&counters->lock);
  return number;
}

static void add_status(cJSON *entry, unsigned status) {
  char name[16];
  snprintf(name, sizeof name, "%u", status);
  raise_number(cJSON_GetObjectItemCaseSensitive(entry, "status"), name);
}

static void add_peer(cJSON *entry, const cJSON *facts) {
  const char *version = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(facts, "tls"));
  cJSON *certificate = cJSON_GetObjectItemCaseSensitive(entry, "client_certificate");
  raise_number(cJSON_GetObjectItemCaseSensitive(entry, "tls"), version != NULL ? version : "none");
  if (version != NULL) raise_number(certificate, cJSON_HasObjectItem(facts, "client_certificate") ? "with" : "without");
}

void az_counters_end(struct az_counters *counters, enum az_endpoint endpoint, unsigned status, cJSON *facts) {
  pthread_mutex_lock(&counters->lock);
  cJSON *entry = get_locked(counters, endpoint);
  counters->in_flight[endpoint]--;
  add_status(entry, status);
  add_peer(entry, facts);
  cJSON_ReplaceItemInObjectCaseSensitive(entry, "last", cJSON_Duplicate(facts, 1));
  cJSON_AddItemToArray(counters->requests, facts);
  if (cJSON_GetArraySize(counters->requests) > REQUESTS_MAX) cJSON_DeleteItemFromArray(counters->requests, 0);
  pthread_mutex_unlock(&counters->lock);
}

cJSON *az_counters_format(struct az_counters *counters) {
  pthread_mutex_lock(&counters->lock);
  cJSON *copy = cJSON_Duplicate(counters->endpoints, 1);
  pthread_mutex_unlock(&counters->lock);
  return copy;
}

cJSON *az_counters_format_requests(struct az_counters *counters) {
  pthread_mutex_lock(&counters->lock);
  cJSON *copy = cJSON_Duplicate(counters->requests, 1);
  pthread_mutex_unlock(&counters->lock);
  return copy;
}
