#include "ctl/alarm.h"

#include <stdlib.h>
#include <windows.h>

enum { WAITING, STOPPED, RUNG };

struct kg_alarm {
  void (*ring)(void *context);
  void *context;
  DWORD after_ms;
  HANDLE thread, stop;
  volatile LONG state; /* who comes first has it */
};

static DWORD WINAPI wait_for_end(LPVOID argument) {
  struct kg_alarm *alarm = argument;
  if (WaitForSingleObject(alarm->stop, alarm->after_ms) == WAIT_OBJECT_0) return 0;
  if (InterlockedCompareExchange(&alarm->state, RUNG, WAITING) == WAITING) alarm->ring(alarm->context);
  return 0;
}

static void destroy(struct kg_alarm *alarm) {
  if (alarm == NULL) return;
  if (alarm->stop != NULL) CloseHandle(alarm->stop);
  free(alarm);
}

static DWORD milliseconds(int64_t after_ms) {
  if (after_ms <= 0) return 0;
  return after_ms < INFINITE ? (DWORD)after_ms : INFINITE - 1;
}

enum kg_status kg_alarm_start(int64_t after_ms, void (*ring)(void *context), void *context, struct kg_alarm **out,
                              struct kg_error *error) {
  *out = NULL;
  struct kg_alarm *alarm = calloc(1, sizeof *alarm);
  if (alarm == NULL) return kg_error_no_memory(error, "for an alarm");
  alarm->ring = ring;
  alarm->context = context;
  alarm->after_ms = milliseconds(after_ms);
  alarm->stop = CreateEventW(NULL, TRUE, FALSE, NULL);
  if (alarm->stop != NULL) alarm->thread = CreateThread(NULL, 0, wait_for_end, alarm, 0, NULL);
  if (alarm->thread == NULL) {
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
  if (InterlockedCompareExchange(&alarm->state, STOPPED, WAITING) == RUNG) Sleep(INFINITE);
  (void)SetEvent(alarm->stop);
  (void)WaitForSingleObject(alarm->thread, INFINITE);
  CloseHandle(alarm->thread);
  destroy(alarm);
}
