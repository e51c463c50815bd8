/* A lock between processes: one file a name, held by an open descriptor, so a killed holder leaves it free. */
#ifndef KG_CORE_OS_LOCK_H
#define KG_CORE_OS_LOCK_H

#include "core/base/clock.h"
#include "core/base/error.h"

struct kg_lock;

/* Waits at most `timeout_ms` (0: once). KG_E_LOCK_BUSY after that, naming the holder's process id where it is known. */
KG_MUST_USE enum kg_status kg_lock_acquire(const char *path, int64_t timeout_ms, const struct kg_clock *clock,
                                           struct kg_lock **out, struct kg_error *error);
/* What keeps us from getting it now, as above; nothing is made and nothing is held. */
KG_MUST_USE enum kg_status kg_lock_check(const char *path, struct kg_error *error);
void kg_lock_release(struct kg_lock **lock);

#endif
