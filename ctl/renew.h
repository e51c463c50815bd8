/* When a certificate is to be replaced: pure, no clock and no I/O (docs/protocol.md 7.2). */
#ifndef KG_CTL_RENEW_H
#define KG_CTL_RENEW_H

#include "core/state/binding.h"

#include <stdint.h>

enum kg_renew_state {
  KG_RENEW_GOOD = 0,
  KG_RENEW_DUE,    /* half of its life, give or take the spread, or 24 hours or less left */
  KG_RENEW_LATE,   /* 75 % used: a warning */
  KG_RENEW_LATEST, /* 90 % used: an error */
  KG_RENEW_ENDED
};

struct kg_renew {
  enum kg_renew_state state;
  int64_t due_at; /* seconds since 1970 */
  int64_t left_s; /* until the end; 0 once it is over */
  bool last_day;  /* 24 hours or less left of a certificate that was born with 48 or more: tokens may outlive it */
};

/* A life begins at `begin` (issue time, or not_before) and ends at `end` (kg_binding_end). A `now` before `begin` is a
 * clock that cannot be trusted to call anything due. */
struct kg_renew kg_renew_plan(int64_t now, int64_t begin, int64_t end, uint64_t seed);

struct kg_renew kg_renew_binding(const struct kg_binding *binding, int64_t now);

/* The same machine and identity always give the same seed; others spread evenly. `machine` may be NULL. */
uint64_t kg_renew_seed(const char *machine, const char *identity);

const char *kg_renew_state_name(enum kg_renew_state state); /* good due late latest ended */

#endif
