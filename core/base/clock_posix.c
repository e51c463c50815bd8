#include "core/base/clock.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

static int64_t wall(void *context) {
  (void)context;
  struct timespec now = {0, 0};
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec;
}

static int64_t elapsed_ms(void *context) {
  (void)context;
  struct timespec now = {0, 0};
  if (clock_gettime(CLOCK_BOOTTIME, &now) != 0) clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void sleep_ms(void *context, int64_t milliseconds) {
  (void)context;
  if (milliseconds <= 0) return;
  struct timespec rest = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR)
    ;
}

const struct kg_clock *kg_clock_system(void) {
  static const struct kg_clock system_clock = {NULL, wall, elapsed_ms, sleep_ms};
  return &system_clock;
}
