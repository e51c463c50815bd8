/* The emulator's clock: the machine's, shifted by what POST /emulator/clock says. Its sleeps end when it is stopped. */
#ifndef AZURE_CLOCK_H
#define AZURE_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#define AZ_CLOCK_HTTP_SIZE 30 /* "Sun, 06 Nov 1994 08:49:37 GMT" and the end */
#define AZ_CLOCK_ISO_SIZE 21  /* "1994-11-06 08:49:37Z" and the end */

struct az_clock {
  pthread_mutex_t lock;
  pthread_cond_t wake;
  long offset_s;
  bool stopping;
};

void az_clock_init(struct az_clock *clock);
void az_clock_clear(struct az_clock *clock);
time_t az_clock_now(struct az_clock *clock);
long az_clock_offset(struct az_clock *clock);
void az_clock_shift(struct az_clock *clock, long offset_s); /* absolute: not added to an earlier one */
void az_clock_sleep(struct az_clock *clock, long milliseconds);
void az_clock_stop(struct az_clock *clock);

void az_clock_format_http(time_t when, char text[AZ_CLOCK_HTTP_SIZE]); /* RFC 9110 IMF-fixdate */
void az_clock_format_iso(time_t when, char text[AZ_CLOCK_ISO_SIZE]);   /* as the token service's "timestamp" */

#endif
