/* This program once more, as a process of its own: what hangs or crashes there does so for itself. */
#ifndef KG_CTL_SUBPROCESS_H
#define KG_CTL_SUBPROCESS_H

#include "core/base/buf.h"
#include "core/base/error.h"

#include <stdint.h>

/* `argv` begins with a name for messages and ends with NULL. Waits for the end, at most `limit_ms`, and ends what is
 * not over then. `output`, where it is not NULL, is given what it wrote to standard output (KG_SUBPROCESS_OUTPUT_MAX
 * bytes at most); else that goes where ours goes, which the caller has flushed. KG_E_BUG: ended by a signal or an
 * exception; KG_E_TIMEOUT; KG_E_IO: it cannot be run. */
#define KG_SUBPROCESS_OUTPUT_MAX (1024 * 1024)
KG_MUST_USE enum kg_status kg_subprocess_run(char *const *argv, int64_t limit_ms, struct kg_buf *output, int *exit_code,
                                             struct kg_error *error);

#endif
