/* Permits to call a token's library, each with a session; see backing_key.h. */
#ifndef KG_CORE_KEY_PKCS11_LANES_H
#define KG_CORE_KEY_PKCS11_LANES_H

#include "core/base/status.h"
#include "keyguard/cryptoki.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define KG_LANES 64
#define KG_LANE_WAIT_MS 10000 /* bound of every wait for a lane or for another thread's C_Initialize or C_Login */

struct kg_lane { /* whoever took it reads and writes all of it, but for the first two, which are set under the mutex */
  bool taken;
  uint_least64_t owner; /* kg_backing_key.number of its session, 0: no session */
  unsigned epoch;       /* of the session */
  CK_SESSION_HANDLE session;
  CK_OBJECT_HANDLE private_key, public_key; /* public_key 0: none */
};

struct kg_lane_waiter;

struct kg_lanes {
  atomic_uint size; /* what an initialisation of the library writes while threads of the last one look for a lane */
  uint32_t forks;   /* kg_fork_count() of the process that they belong to */
  pthread_mutex_t mutex; /* held for a few instructions, never across a call of the library */
  int64_t full_until;    /* the token refused one more session: not asked before this time; 0: it did not */
  struct kg_lane_waiter *first, *last; /* in the order in which they came */
  struct kg_lane lane[KG_LANES];
};

KG_MUST_USE enum kg_status kg_lanes_init(struct kg_lanes *lanes);
/* False in a child. A library that forks inside a call returns into us there as well: the lanes are the parent's, and
 * so is their mutex, which a thread that is not there may hold. Then all that follow change nothing and find no lane.
 */
bool kg_lanes_are_here(const struct kg_lanes *lanes);
int64_t kg_lanes_now_ms(void); /* what deadlines are measured by: kg_clock_system()'s elapsed_ms */
/* NULL: none came free before `deadline`. */
struct kg_lane *kg_lane_take(struct kg_lanes *lanes, uint_least64_t owner, int64_t deadline);
struct kg_lane *kg_lane_take_owned(struct kg_lanes *lanes, uint_least64_t owner); /* a free one with a session */
void kg_lane_give(struct kg_lanes *lanes, struct kg_lane *lane);
/* By whoever took it: it has a session of `owner` now, or, 0, none any more. */
void kg_lane_set_owner(struct kg_lanes *lanes, struct kg_lane *lane, uint_least64_t owner);
void kg_lanes_set_full(struct kg_lanes *lanes, bool full); /* whether the token just refused a session, or lost one */

#endif
