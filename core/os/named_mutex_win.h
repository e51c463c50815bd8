/* A named mutex between processes. A holder that dies leaves it free: what it guards is examined anyway. */
#ifndef KG_CORE_OS_NAMED_MUTEX_WIN_H
#define KG_CORE_OS_NAMED_MUTEX_WIN_H

#include "core/base/error.h"

#include <wchar.h>

/* KG_E_LOCK_BUSY after `timeout_ms`. `*out` is a HANDLE; the thread that acquired it releases it. `shared`: other
 * accounts may wait for it, too. Where "Global\" names are denied the same name in "Local\" is taken. */
KG_MUST_USE enum kg_status kg_named_mutex_acquire(const wchar_t *name, int shared, unsigned timeout_ms, void **out,
                                                  struct kg_error *error);
void kg_named_mutex_release(void **mutex);

#endif
