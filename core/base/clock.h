/* Two clocks: the wall (validity) and one that counts suspend (intervals). Tests replace both. */
#ifndef KG_CORE_BASE_CLOCK_H
#define KG_CORE_BASE_CLOCK_H

#include <stdint.h>

struct kg_clock {
  void *context;
  int64_t (*wall)(void *context);       /* seconds since 1970-01-01T00:00:00Z */
  int64_t (*elapsed_ms)(void *context); /* CLOCK_BOOTTIME; only differences mean anything */
  void (*sleep_ms)(void *context, int64_t milliseconds);
};

const struct kg_clock *kg_clock_system(void);

/* "2026-11-26T21:58:46Z"; `out` takes 21 bytes. Parse: the same form only; -1 where it is not. */
#define KG_TIME_TEXT_SIZE 32
void kg_time_format(int64_t seconds, char out[KG_TIME_TEXT_SIZE]);
int64_t kg_time_parse(const char *text);

#endif
