#include "core/base/clock.h"

#include <stddef.h>
#include <windows.h>

#define FILETIME_1970 116444736000000000ULL /* 100 ns since 1601-01-01 */

static int64_t wall(void *context) {
  (void)context;
  FILETIME now;
  GetSystemTimeAsFileTime(&now);
  ULARGE_INTEGER value;
  value.LowPart = now.dwLowDateTime;
  value.HighPart = now.dwHighDateTime;
  return (int64_t)((value.QuadPart - FILETIME_1970) / 10000000);
}

/* Goes on while the machine sleeps. */
static int64_t elapsed_ms(void *context) {
  (void)context;
  return (int64_t)GetTickCount64();
}

/* By our own clock, whose ticks are coarser than those of Sleep(): who has slept finds the time gone. */
static void sleep_ms(void *context, int64_t milliseconds) {
  const int64_t most = 60000; /* INFINITE is a number, too */
  int64_t end = elapsed_ms(context) + milliseconds, left = milliseconds;
  for (; left > 0; left = end - elapsed_ms(context))
    Sleep((DWORD)(left < most ? left : most));
}

const struct kg_clock *kg_clock_system(void) {
  static const struct kg_clock system_clock = {NULL, wall, elapsed_ms, sleep_ms};
  return &system_clock;
}
