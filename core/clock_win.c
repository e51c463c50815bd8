#include "core/clock.h"

#include <stddef.h>
#include <windows.h>

#define FILETIME_1970 116444736000000000ULL /* 100 ns since 1601-01-01 */

static int64_t wall(void *context) {
  FILETIME now;
  ULARGE_INTEGER value;

  (void)context;
  GetSystemTimeAsFileTime(&now);
  value.LowPart = now.dwLowDateTime;
  value.HighPart = now.dwHighDateTime;
  return (int64_t)((value.QuadPart - FILETIME_1970) / 10000000);
}

/* Goes on while the machine sleeps. */
static int64_t elapsed_ms(void *context) {
  (void)context;
  return (int64_t)GetTickCount64();
}

static void sleep_ms(void *context, int64_t milliseconds) {
  const int64_t most = 60000; /* INFINITE is a number, too */

  (void)context;
  for (; milliseconds > 0; milliseconds -= most)
    Sleep((DWORD)(milliseconds < most ? milliseconds : most));
}

const struct kg_clock *kg_clock_system(void) {
  static const struct kg_clock system_clock = {NULL, wall, elapsed_ms, sleep_ms};

  return &system_clock;
}
