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

struct kg_lane {
  _Alignas(64) atomic_bool taken; /* everything else belongs to whoever took it; a cache line of its own */
  atomic_uint_least64_t owner;    /* kg_backing_key.number of its session, 0: no session; others read it as a hint */
  unsigned epoch;                 /* of the session */
  CK_SESSION_HANDLE session;
  CK_OBJECT_HANDLE private_key, public_key; /* public_key 0: none */
};

struct kg_lane_waiter;

struct kg_lanes {
  unsigned size;
  atomic_int_least64_t full_until; /* the token refused one more session: not asked again before this time; 0: not */
  atomic_uint waiting;
  pthread_mutex_t mutex; /* of the queue; held for a few instructions, never across a call of the library */
  struct kg_lane_waiter *first, *last;
  struct kg_lane lane[KG_LANES];
};

KG_MUST_USE enum kg_status kg_lanes_init(struct kg_lanes *lanes);
/* `deadline` on kg_clock_system()'s elapsed_ms. NULL: none came free. */
struct kg_lane *kg_lane_take(struct kg_lanes *lanes, uint_least64_t owner, int64_t deadline);
struct kg_lane *kg_lane_take_owned(struct kg_lanes *lanes, uint_least64_t owner); /* a free one with a session */
void kg_lane_give(struct kg_lanes *lanes, struct kg_lane *lane);
void kg_lanes_set_full(struct kg_lanes *lanes);

#endif
