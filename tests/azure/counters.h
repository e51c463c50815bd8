/* What was asked of the emulator: totals, and the facts of each request, for tests to assert on. */
#ifndef AZURE_COUNTERS_H
#define AZURE_COUNTERS_H

#include "endpoint.h"

#include <cJSON.h>
#include <pthread.h>

struct az_counters {
  pthread_mutex_t lock;
  cJSON *endpoints; /* by name */
  cJSON *requests;  /* facts in the order in which they ended; the oldest go when there are too many */
  int in_flight[AZ_COUNTED_ENDPOINTS];
  long begun;
};

void az_counters_init(struct az_counters *counters);
void az_counters_clear(struct az_counters *counters);
void az_counters_reset(struct az_counters *counters);

void az_counters_connect(struct az_counters *counters, enum az_endpoint endpoint); /* a TCP connection came */
long az_counters_begin(struct az_counters *counters, enum az_endpoint endpoint);   /* answers its number, from 1 */
/* Takes the facts. status 0: the connection was broken off on purpose. */
void az_counters_end(struct az_counters *counters, enum az_endpoint endpoint, unsigned status, cJSON *facts);

cJSON *az_counters_format(struct az_counters *counters);
cJSON *az_counters_format_requests(struct az_counters *counters);

#endif
