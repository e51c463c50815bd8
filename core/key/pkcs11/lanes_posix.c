#include "core/key/pkcs11/lanes.h"

#include "core/base/clock.h"
#include "core/os/fork.h"

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
  atomic_init(&lanes->size, KG_LANES);
  lanes->forks = kg_fork_count();
  return pthread_mutex_init(&lanes->mutex, NULL) == 0 ? KG_OK : KG_E_NO_MEMORY;
}

bool kg_lanes_are_here(const struct kg_lanes *lanes) {
  return lanes->forks == kg_fork_count();
}

static bool lock(struct kg_lanes *lanes) {
  return kg_lanes_are_here(lanes) && pthread_mutex_lock(&lanes->mutex) == 0;
}

int64_t kg_lanes_now_ms(void) {
  const struct kg_clock *clock = kg_clock_system();
  return clock->elapsed_ms(clock->context);
}

/* A free lane with a session of `owner`, or, 0, without any. */
static struct kg_lane *find_locked(struct kg_lanes *lanes, uint_least64_t owner) {
  for (unsigned i = 0, size = atomic_load(&lanes->size); i < size; i++)
    if (!lanes->lane[i].taken && lanes->lane[i].owner == owner) return &lanes->lane[i];
  return NULL;
}

static struct kg_lane *find_anothers_locked(struct kg_lanes *lanes) {
  for (unsigned i = 0, size = atomic_load(&lanes->size); i < size; i++)
    if (!lanes->lane[i].taken && lanes->lane[i].owner != 0) return &lanes->lane[i];
  return NULL;
}

static bool is_full_locked(struct kg_lanes *lanes) {
  if (lanes->full_until != 0 && kg_lanes_now_ms() >= lanes->full_until) lanes->full_until = 0;
  return lanes->full_until != 0;
}

static bool has_session_locked(const struct kg_lanes *lanes) {
  for (unsigned i = 0, size = atomic_load(&lanes->size); i < size; i++)
    if (lanes->lane[i].owner != 0) return true;
  return false;
}

/* Our own session; else a lane to open one in; else, where the token has no more or the lanes are full, another key's
 * session, to be closed for ours. */
static struct kg_lane *take_locked(struct kg_lanes *lanes, uint_least64_t owner) {
  struct kg_lane *lane = find_locked(lanes, owner);
  if (lane == NULL && (!is_full_locked(lanes) || !has_session_locked(lanes))) lane = find_locked(lanes, 0);
  if (lane == NULL) lane = find_anothers_locked(lanes);
  if (lane != NULL) lane->taken = true;
  return lane;
}

struct kg_lane *kg_lane_take_owned(struct kg_lanes *lanes, uint_least64_t owner) {
  if (!lock(lanes)) return NULL;
  struct kg_lane *lane = find_locked(lanes, owner);
  if (lane != NULL) lane->taken = true;
  pthread_mutex_unlock(&lanes->mutex);
  return lane;
}

static void wait_slice_locked(struct kg_lanes *lanes, struct kg_lane_waiter *waiter) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_nsec += SLICE_MS * 1000000L;
  until.tv_sec += until.tv_nsec / 1000000000L;
  until.tv_nsec %= 1000000000L;
  if (waiter->lane == NULL) pthread_cond_timedwait(&waiter->ready, &lanes->mutex, &until);
}

static void leave_queue_locked(struct kg_lanes *lanes, struct kg_lane_waiter *waiter) {
  struct kg_lane_waiter **link = &lanes->first, *last = NULL;
  while (*link != NULL && *link != waiter) {
    last = *link;
    link = &last->next;
  }
  if (*link == NULL) return;
  *link = waiter->next;
  if (lanes->last == waiter) lanes->last = last;
  if (lanes->first != NULL) pthread_cond_signal(&lanes->first->ready); /* there may be one more free */
}

/* First come, first served: only the first in the queue looks for itself. */
static struct kg_lane *queue_locked(struct kg_lanes *lanes, struct kg_lane_waiter *waiter, uint_least64_t owner,
                                    int64_t deadline) {
  *(lanes->last != NULL ? &lanes->last->next : &lanes->first) = waiter;
  lanes->last = waiter;
  while (waiter->lane == NULL) {
    if (lanes->first == waiter) waiter->lane = take_locked(lanes, owner);
    if (waiter->lane != NULL || kg_lanes_now_ms() >= deadline) break;
    wait_slice_locked(lanes, waiter);
  }
  leave_queue_locked(lanes, waiter);
  return waiter->lane;
}

static struct kg_lane *wait_locked(struct kg_lanes *lanes, uint_least64_t owner, int64_t deadline) {
  pthread_condattr_t attributes;
  if (pthread_condattr_init(&attributes) != 0) return NULL;
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  struct kg_lane *lane = NULL;
  struct kg_lane_waiter waiter = {NULL, NULL, PTHREAD_COND_INITIALIZER};
  if (pthread_cond_init(&waiter.ready, &attributes) == 0) {
    lane = queue_locked(lanes, &waiter, owner, deadline);
    pthread_cond_destroy(&waiter.ready);
  }
  pthread_condattr_destroy(&attributes);
  return lane;
}

struct kg_lane *kg_lane_take(struct kg_lanes *lanes, uint_least64_t owner, int64_t deadline) {
  if (!lock(lanes)) return NULL;
  struct kg_lane *lane = lanes->first == NULL ? take_locked(lanes, owner) : NULL;
  if (lane == NULL) lane = wait_locked(lanes, owner, deadline);
  pthread_mutex_unlock(&lanes->mutex);
  return lane;
}

/* To the first in the queue, unless it is of no use to it: no session, and no more to be had. */
void kg_lane_give(struct kg_lanes *lanes, struct kg_lane *lane) {
  if (!lock(lanes)) return;
  struct kg_lane_waiter *waiter = lanes->first;
  bool is_handed_over = waiter != NULL && waiter->lane == NULL && (lane->owner != 0 || !is_full_locked(lanes));
  lane->taken = is_handed_over;
  if (is_handed_over) {
    waiter->lane = lane;
    leave_queue_locked(lanes, waiter);
    pthread_cond_signal(&waiter->ready);
  }
  pthread_mutex_unlock(&lanes->mutex);
}

void kg_lane_set_owner(struct kg_lanes *lanes, struct kg_lane *lane, uint_least64_t owner) {
  if (!lock(lanes)) return;
  lane->owner = owner;
  pthread_mutex_unlock(&lanes->mutex);
}

void kg_lanes_set_full(struct kg_lanes *lanes, bool full) {
  int64_t until = full ? kg_lanes_now_ms() + FULL_MS : 0;
  if (!lock(lanes)) return;
  lanes->full_until = until;
  pthread_mutex_unlock(&lanes->mutex);
}
