#include "core/key/pkcs11/lanes.h"

#include "core/base/clock.h"

#include <errno.h>
#include <time.h>

#define SLICE_MS 50  /* how often the first in the queue looks for itself */
#define FULL_MS 1000 /* how long a token's refusal of one more session is believed */

struct kg_lane_waiter { /* on its thread's stack, in the queue */
  struct kg_lane_waiter *next;
  struct kg_lane *lane; /* handed over */
  pthread_cond_t ready;
};

enum kg_status kg_lanes_init(struct kg_lanes *lanes) {
  lanes->size = KG_LANES;
  return pthread_mutex_init(&lanes->mutex, NULL) == 0 ? KG_OK : KG_E_NO_MEMORY;
}

/* Each thread begins at a place of its own, so threads do not meet; keys are spread as well. */
static unsigned place_of(uint_least64_t owner) {
  static atomic_uint threads;
  static _Thread_local unsigned thread;
  if (thread == 0) thread = atomic_fetch_add(&threads, 1) + 1;
  return thread + (unsigned)owner * 7;
}

static bool try_take(struct kg_lane *lane) {
  return !atomic_load(&lane->taken) && !atomic_exchange(&lane->taken, true);
}

/* A free lane with a session of `owner` (or, `owner` 0, without any), nearest first. */
static struct kg_lane *take_with(struct kg_lanes *lanes, uint_least64_t owner, unsigned place) {
  for (unsigned i = 0; i < lanes->size; i++) {
    struct kg_lane *lane = &lanes->lane[(place + i) % lanes->size];
    if (atomic_load(&lane->owner) != owner || !try_take(lane)) continue;
    if (atomic_load(&lane->owner) == owner) return lane;
    atomic_store(&lane->taken, false);
  }
  return NULL;
}

void kg_lanes_set_full(struct kg_lanes *lanes) {
  const struct kg_clock *clock = kg_clock_system();
  atomic_store(&lanes->full_until, clock->elapsed_ms(clock->context) + FULL_MS);
}

static bool is_full(struct kg_lanes *lanes) {
  const struct kg_clock *clock = kg_clock_system();
  int_least64_t until = atomic_load(&lanes->full_until);
  if (until == 0 || clock->elapsed_ms(clock->context) < until) return until != 0;
  atomic_store(&lanes->full_until, 0);
  return false;
}

static bool has_session(struct kg_lanes *lanes) {
  for (unsigned i = 0; i < lanes->size; i++)
    if (atomic_load(&lanes->lane[i].owner) != 0) return true;
  return false;
}

/* Our own session; else a lane to open one in; else, where the token has no more or the lanes are full, another key's
 * session, to be closed for ours. */
static struct kg_lane *take_any(struct kg_lanes *lanes, uint_least64_t owner) {
  unsigned place = place_of(owner);
  struct kg_lane *lane = take_with(lanes, owner, place);
  if (lane == NULL && (!is_full(lanes) || !has_session(lanes))) lane = take_with(lanes, 0, place);
  for (unsigned i = 0; lane == NULL && i < lanes->size; i++) {
    struct kg_lane *other = &lanes->lane[(place + i) % lanes->size];
    if (atomic_load(&other->owner) != 0 && try_take(other)) lane = other;
  }
  return lane;
}

struct kg_lane *kg_lane_take_owned(struct kg_lanes *lanes, uint_least64_t owner) {
  return take_with(lanes, owner, place_of(owner));
}

static void wait_slice(struct kg_lanes *lanes, struct kg_lane_waiter *waiter) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += SLICE_MS * 1000000L;
  until.tv_sec += until.tv_nsec / 1000000000L;
  until.tv_nsec %= 1000000000L;
  if (waiter->lane == NULL) pthread_cond_timedwait(&waiter->ready, &lanes->mutex, &until);
}

/* With the mutex held. */
static void leave_queue(struct kg_lanes *lanes, struct kg_lane_waiter *waiter) {
  struct kg_lane_waiter **link = &lanes->first, *last = NULL;
  while (*link != NULL && *link != waiter) {
    last = *link;
    link = &last->next;
  }
  if (*link == NULL) return;
  *link = waiter->next;
  if (lanes->last == waiter) lanes->last = last;
  atomic_fetch_sub(&lanes->waiting, 1);
  if (lanes->first != NULL) pthread_cond_signal(&lanes->first->ready); /* there may be one more free */
}

/* With the mutex held. First come, first served: only the first in the queue looks for itself. */
static struct kg_lane *queue(struct kg_lanes *lanes, struct kg_lane_waiter *waiter, uint_least64_t owner,
                             int64_t deadline) {
  const struct kg_clock *clock = kg_clock_system();
  *(lanes->last != NULL ? &lanes->last->next : &lanes->first) = waiter;
  lanes->last = waiter;
  atomic_fetch_add(&lanes->waiting, 1);
  while (waiter->lane == NULL) {
    if (lanes->first == waiter) waiter->lane = take_any(lanes, owner);
    if (waiter->lane != NULL || clock->elapsed_ms(clock->context) >= deadline) break;
    wait_slice(lanes, waiter);
  }
  leave_queue(lanes, waiter);
  return waiter->lane;
}

static struct kg_lane *wait_for_lane(struct kg_lanes *lanes, uint_least64_t owner, int64_t deadline) {
  pthread_condattr_t attributes;
  if (pthread_condattr_init(&attributes) != 0) return NULL;
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  struct kg_lane *lane = NULL;
  struct kg_lane_waiter waiter = {NULL, NULL, PTHREAD_COND_INITIALIZER};
  if (pthread_cond_init(&waiter.ready, &attributes) == 0) {
    pthread_mutex_lock(&lanes->mutex);
    lane = queue(lanes, &waiter, owner, deadline);
    pthread_mutex_unlock(&lanes->mutex);
    pthread_cond_destroy(&waiter.ready);
  }
  pthread_condattr_destroy(&attributes);
  return lane;
}

struct kg_lane *kg_lane_take(struct kg_lanes *lanes, uint_least64_t owner, int64_t deadline) {
  struct kg_lane *lane = atomic_load(&lanes->waiting) == 0 ? take_any(lanes, owner) : NULL;
  return lane != NULL ? lane : wait_for_lane(lanes, owner, deadline);
}

/* Order matters: the lane is free before `waiting` is read, while a waiter counts itself before it looks for a free
 * lane. One of the two sees the other. */
void kg_lane_give(struct kg_lanes *lanes, struct kg_lane *lane) {
  bool is_useful = atomic_load(&lane->owner) != 0 || !is_full(lanes);
  atomic_store(&lane->taken, false);
  if (atomic_load(&lanes->waiting) == 0 || !is_useful) return;
  pthread_mutex_lock(&lanes->mutex);
  struct kg_lane_waiter *waiter = lanes->first;
  if (waiter != NULL && waiter->lane == NULL && try_take(lane)) {
    waiter->lane = lane;
    leave_queue(lanes, waiter);
    pthread_cond_signal(&waiter->ready);
  }
  pthread_mutex_unlock(&lanes->mutex);
}
