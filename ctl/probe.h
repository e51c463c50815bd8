/* What answers at the metadata service's address, asked without obtaining anything (docs/protocol.md 1.4). */
#ifndef KG_CTL_PROBE_H
#define KG_CTL_PROBE_H

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/state/config.h"

enum kg_probe_version { KG_PROBE_NONE = 0, KG_PROBE_V1, KG_PROBE_V2 };

struct kg_probe_result {
  enum kg_probe_version version;
  int64_t server_time_s; /* Date of the last answer; 0: unknown */
  enum kg_status status; /* where there is no v2: what an acquisition would end with */
  char reason[256];      /* and why */
};

/* Version 2 first, then 1: a host that answers 400 to a request without the Metadata header has the path. Only definite
 * answers count, and everything ends within `budget_ms`. */
KG_MUST_USE enum kg_status kg_probe_metadata(const struct kg_config *config, const struct kg_clock *clock,
                                             int64_t budget_ms, struct kg_probe_result *out, struct kg_error *error);

#endif
