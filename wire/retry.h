/* When a leg is tried again: a pure table (docs/protocol.md 11), no clock and no I/O. */
#ifndef KG_WIRE_RETRY_H
#define KG_WIRE_RETRY_H

#include "core/base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum kg_leg { KG_LEG_METADATA = 0, KG_LEG_ISSUE, KG_LEG_TOKEN, KG_LEG_PROBE };

struct kg_retry { /* zero it before the first attempt of a leg */
  unsigned failures, limit;
  int64_t fixed_ms; /* 410: 10 s each */
  uint64_t seed;    /* jitter of up to a tenth, never less than the table's wait; 0: none */
};

/* After a failed attempt: `http_status` 0 with `status` KG_E_TIMEOUT for a time-out. True: wait `*delay_ms`, then
 * again. `retry_after_s` -1: none was given. The caller bounds the wait by its deadline. */
bool kg_retry_next(struct kg_retry *retry, enum kg_leg leg, enum kg_status status, int http_status,
                   int64_t retry_after_s, int64_t *delay_ms);

#endif
