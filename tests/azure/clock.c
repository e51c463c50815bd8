#include "clock.h"

#include <errno.h>

void az_clock_init(struct az_clock *clock) {
  pthread_mutex_init(&clock->lock, NULL);
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&clock->wake, &attributes);
  pthread_condattr_destroy(&attributes);
  clock->offset_s = 0;
  clock->stopping = false;
}

void az_clock_clear(struct az_clock *clock) {
  pthread_cond_destroy(&clock->wake);
  pthread_mutex_destroy(&clock->lock);
}

long az_clock_offset(struct az_clock *clock) {
  pthread_mutex_lock(&clock->lock);
  long offset = clock->offset_s;
  pthread_mutex_unlock(&clock->lock);
  return offset;
}

time_t az_clock_now(struct az_clock *clock) {
  return time(NULL) + az_clock_offset(clock);
}

void az_clock_shift(struct az_clock *clock, long offset_s) {
  pthread_mutex_lock(&clock->lock);
  clock->offset_s = offset_s;
  pthread_mutex_unlock(&clock->lock);
}

void az_clock_sleep(struct az_clock *clock, long milliseconds) {
  struct timespec end;
  clock_gettime(CLOCK_MONOTONIC, &end);
  long nanoseconds = end.tv_nsec + milliseconds % 1000 * 1000000;
  end.tv_sec += milliseconds / 1000 + nanoseconds / 1000000000;
  end.tv_nsec = nanoseconds % 1000000000;
  pthread_mutex_lock(&clock->lock);
  while (!clock->stopping && pthread_cond_timedwait(&clock->wake, &clock->lock, &end) != ETIMEDOUT)
    continue;
  pthread_mutex_unlock(&clock->lock);
}

void az_clock_stop(struct az_clock *clock) {
  pthread_mutex_lock(&clock->lock);
  clock->stopping = true;
  pthread_cond_broadcast(&clock->wake);
  pthread_mutex_unlock(&clock->lock);
}

void az_clock_format_http(time_t when, char text[AZ_CLOCK_HTTP_SIZE]) {
  struct tm utc;
  if (gmtime_r(&when, &utc) == NULL || strftime(text, AZ_CLOCK_HTTP_SIZE, "%a, %d %b %Y %H:%M:%S GMT", &utc) == 0)
    text[0] = '\0';
}

void az_clock_format_iso(time_t when, char text[AZ_CLOCK_ISO_SIZE]) {
  struct tm utc;
  if (gmtime_r(&when, &utc) == NULL || strftime(text, AZ_CLOCK_ISO_SIZE, "%Y-%m-%d %H:%M:%SZ", &utc) == 0)
    text[0] = '\0';
}
