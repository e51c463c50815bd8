#include "ctl/alarm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum { WAITING, STOPPED, RUNG };
#define SLICE_MS 500 /* until it is seen that it was stopped where not even a byte could be written */

struct kg_alarm {
  void (*ring)(void *context);
  void *context;
  int64_t after_ms;
  pthread_t thread;
  int ends[2]; /* a pipe: written to when it is stopped. poll(2) waits for a time and not until one: no clock is asked
                */
  atomic_int state; /* who comes first has it */
};

static bool claim(struct kg_alarm *alarm, int state) {
  int waiting = WAITING;
  return atomic_compare_exchange_strong(&alarm->state, &waiting, state);
}

static void *wait_for_end(void *argument) {
  struct kg_alarm *alarm = argument;
  struct pollfd stop = {.fd = alarm->ends[0], .events = POLLIN};
  int ready = 0;
  for (int64_t left_ms = alarm->after_ms; ready == 0 && left_ms >= 0; left_ms -= SLICE_MS) {
    ready = poll(&stop, 1, left_ms < SLICE_MS ? (int)left_ms : SLICE_MS);
    if (atomic_load(&alarm->state) == STOPPED) return NULL;
  }
  if (ready == 0 && claim(alarm, RUNG)) alarm->ring(alarm->context);
  return NULL;
}

/* Signals are for the thread that works. */
static bool begin(struct kg_alarm *alarm) {
  sigset_t all, before;
  (void)sigfillset(&all);
  (void)pthread_sigmask(SIG_SETMASK, &all, &before);
  bool begun = pthread_create(&alarm->thread, NULL, wait_for_end, alarm) == 0;
  (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
  return begun;
}

static void destroy(struct kg_alarm *alarm) {
  close(alarm->ends[0]);
  close(alarm->ends[1]);
  free(alarm);
}

/* What we start meanwhile is not to hold the ends. */
static bool make_pipe(int ends[2]) {
  if (pipe(ends) != 0) return false;
  (void)fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  (void)fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  return true;
}

enum kg_status kg_alarm_start(int64_t after_ms, void (*ring)(void *context), void *context, struct kg_alarm **out,
                              struct kg_error *error) {
  *out = NULL;
  struct kg_alarm *alarm = calloc(1, sizeof *alarm);
  if (alarm == NULL) return kg_error_no_memory(error, "for an alarm");
  alarm->ring = ring;
  alarm->context = context;
  alarm->after_ms = after_ms > 0 ? after_ms : 0;
  if (!make_pipe(alarm->ends)) {
    free(alarm);
    return kg_error_set_code(error, KG_E_IO, errno, "no descriptors for an alarm");
  }
  if (!begin(alarm)) {
    destroy(alarm);
    return kg_error_no_memory(error, "for an alarm's thread");
  }
  *out = alarm;
  return KG_OK;
}

void kg_alarm_stop(struct kg_alarm **out) {
  struct kg_alarm *alarm = *out;
  *out = NULL;
  if (alarm == NULL) return;
  while (!claim(alarm, STOPPED))
    (void)pause();
  (void)!write(alarm->ends[1], "", 1);
  (void)pthread_join(alarm->thread, NULL);
  destroy(alarm);
}
