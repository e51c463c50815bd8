/* The end of a call into code that is not ours. A token's library, an attestation library or a plugin may hang, and a
 * thread inside it cannot be stopped; the process can, and its locks go with it. */
#ifndef KG_CTL_WATCHDOG_H
#define KG_CTL_WATCHDOG_H

#include "core/base/error.h"
#include "ctl/alarm.h"

#include <stdatomic.h>
#include <stdint.h>

#define KG_WATCHDOG_KEY_MS 30000
/* What has a deadline of its own should come to its end by itself: so much later it is not awaited any longer. */
#define KG_WATCHDOG_GRACE_MS 3000

struct kg_awaited { /* who is to answer, and what it is called when nobody does */
  enum kg_status status;
  const char *who;
};
extern const struct kg_awaited kg_awaited_key_store, kg_awaited_plugin;

struct kg_watchdog {
  const char *identity;
  /* In the watchdog's thread, before the process ends. The exit code, where it has said what there is to say; -1: what
   * kg_watchdog_init was given says it. NULL: the same. */
  int (*end)(void *context, const struct kg_error *error);
  void *context;
  /* set by kg_watchdog_start */
  int64_t limit_ms;
  _Atomic(const struct kg_awaited *) awaited;
  struct kg_alarm *alarm;
};

/* How the end of the process is reported; returns its exit code. */
void kg_watchdog_init(int (*report)(void *context, const struct kg_error *error), void *context);

KG_MUST_USE enum kg_status kg_watchdog_start(struct kg_watchdog *watchdog, int64_t limit_ms,
                                             const struct kg_awaited *awaited, struct kg_error *error);
/* For a look at a key, as every command but the acquiring ones takes: KG_WATCHDOG_KEY_MS, or `deadline_s` where that is
 * less. */
KG_MUST_USE enum kg_status kg_watchdog_start_key(struct kg_watchdog *watchdog, unsigned deadline_s,
                                                 struct kg_error *error);
void kg_watchdog_await(struct kg_watchdog *watchdog, const struct kg_awaited *awaited);
void kg_watchdog_stop(struct kg_watchdog *watchdog);

#endif
