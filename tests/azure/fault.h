/* Faults that tests order: a queue for each endpoint; each entry spoils its number of requests, then goes. */
#ifndef AZURE_FAULT_H
#define AZURE_FAULT_H

#include "endpoint.h"

#include <cJSON.h>
#include <pthread.h>
#include <stdbool.h>

struct az_faults {
  pthread_mutex_t lock;
  cJSON *queue; /* array of the objects as ordered, "times" counting down */
};

void az_faults_init(struct az_faults *faults);
void az_faults_clear(struct az_faults *faults);
void az_faults_reset(struct az_faults *faults);

/* NULL, or what is wrong with the order (the caller frees it). */
char *az_faults_add(struct az_faults *faults, const cJSON *order);
cJSON *az_faults_format(struct az_faults *faults);

/* The next one for a request, or for a TLS handshake ("tls_alert", "reset":"handshake"): each only takes its own kind,
 * and only from the head of the queue. A copy that the caller deletes, or NULL. */
cJSON *az_faults_take(struct az_faults *faults, enum az_endpoint endpoint);
cJSON *az_faults_take_handshake(struct az_faults *faults, enum az_endpoint endpoint);

/* Of one fault, which may be NULL. */
bool az_fault_is(const cJSON *fault, const char *name); /* the member is true */
long az_fault_get_number(const cJSON *fault, const char *name, long otherwise);
const char *az_fault_get_string(const cJSON *fault, const char *name); /* NULL if absent */
const cJSON *az_fault_get(const cJSON *fault, const char *name);
/* The members of the named object replace the json's; a null removes one. */
void az_fault_override(cJSON *json, const cJSON *fault, const char *name);

#endif
