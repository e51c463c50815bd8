/* Rings in a thread of its own when a time is up, for those who may be stuck in code that is not ours: a thread cannot
 * be called back from there. */
#ifndef KG_CTL_ALARM_H
#define KG_CTL_ALARM_H

#include "core/base/error.h"

#include <stdint.h>

struct kg_alarm;

/* `ring` is called once, in the alarm's thread, `after_ms` from now on a clock that nobody sets, unless kg_alarm_stop
 * comes first. It does not return: it ends the process. KG_E_NO_MEMORY, KG_E_IO: no thread or
 * descriptor can be had. */
KG_MUST_USE enum kg_status kg_alarm_start(int64_t after_ms, void (*ring)(void *context), void *context,
                                          struct kg_alarm **out, struct kg_error *error);
/* When it returns, the alarm has not rung and never will; where it is ringing, this does not return. NULL: nothing. */
void kg_alarm_stop(struct kg_alarm **alarm);

#endif
