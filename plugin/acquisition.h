/* What all steps of one acquisition share: the request, the metadata service's address, the id that its legs carry. */
#ifndef KG_PLUGIN_ACQUISITION_H
#define KG_PLUGIN_ACQUISITION_H

#include "core/base/error.h"
#include "keyguard/credential_plugin.h"
#include "wire/uuid.h"

struct kg_acquisition_tally { /* what is worth telling about a failed one */
  unsigned requests;
  int64_t retry_after_s; /* of the last answer; 0: none */
};

struct kg_acquisition {
  const struct kg_plugin_request *request;
  char *metadata_origin;              /* "http://169.254.169.254" */
  char correlation_id[KG_UUID_SIZE];  /* one for all legs (docs/protocol.md 2.1) */
  struct kg_acquisition_tally *tally; /* borrowed; NULL: nobody counts */
};

enum { KG_PLUGIN_LOG_ERROR = 1, KG_PLUGIN_LOG_WARN, KG_PLUGIN_LOG_INFO, KG_PLUGIN_LOG_DEBUG };

KG_MUST_USE enum kg_status kg_acquisition_init(struct kg_acquisition *acquisition,
                                               const struct kg_plugin_request *request, struct kg_error *error);
void kg_acquisition_clear(struct kg_acquisition *acquisition);

/* Milliseconds until the request's deadline; 0 or less: it has passed. */
int64_t kg_acquisition_left_ms(const struct kg_acquisition *acquisition);
int64_t kg_acquisition_now(const struct kg_acquisition *acquisition); /* wall clock, seconds since 1970 */
void kg_acquisition_log(const struct kg_acquisition *acquisition, int level, const char *format, ...) KG_PRINTF(3, 4);

#endif
