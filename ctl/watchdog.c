#include "ctl/watchdog.h"

#include <stdlib.h>

const struct kg_awaited kg_awaited_key_store = {KG_E_KEY_STORE, "the key store"},
                        kg_awaited_plugin = {KG_E_TIMEOUT, "the credential plugin, or what it asked for attestation,"};

static int (*last_report)(void *context, const struct kg_error *error);
static void *last_context;

void kg_watchdog_init(int (*report)(void *context, const struct kg_error *error), void *context) {
  last_report = report;
  last_context = context;
}

static void end_process(void *argument) {
  struct kg_watchdog *watchdog = argument;
  const struct kg_awaited *awaited = atomic_load(&watchdog->awaited);
  struct kg_error error = {0};
  (void)kg_error_set(&error, awaited->status,
                     "'%s': %s did not come back within %lld s, and nothing but the end of this process ends that: see "
                     "to what hangs there; 'deadline' is longer for what is only slow",
                     watchdog->identity, awaited->who, (long long)(watchdog->limit_ms / 1000));
  int exit_code = watchdog->end != NULL ? watchdog->end(watchdog->context, &error) : -1;
  if (exit_code < 0 && last_report != NULL) exit_code = last_report(last_context, &error);
  _Exit(exit_code < 0 ? kg_status_exit_code(error.status) : exit_code);
}

enum kg_status kg_watchdog_start(struct kg_watchdog *watchdog, int64_t limit_ms, const struct kg_awaited *awaited,
                                 struct kg_error *error) {
  watchdog->limit_ms = limit_ms;
  kg_watchdog_await(watchdog, awaited);
  return kg_alarm_start(limit_ms, end_process, watchdog, &watchdog->alarm, error);
}

enum kg_status kg_watchdog_start_key(struct kg_watchdog *watchdog, unsigned deadline_s, struct kg_error *error) {
  int64_t limit_ms = (int64_t)deadline_s * 1000;
  if (limit_ms > KG_WATCHDOG_KEY_MS) limit_ms = KG_WATCHDOG_KEY_MS;
  return kg_watchdog_start(watchdog, limit_ms, &kg_awaited_key_store, error);
}

void kg_watchdog_await(struct kg_watchdog *watchdog, const struct kg_awaited *awaited) {
  atomic_store(&watchdog->awaited, awaited);
}

void kg_watchdog_stop(struct kg_watchdog *watchdog) {
  kg_alarm_stop(&watchdog->alarm);
}
