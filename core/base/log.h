/* One line a record, to standard error or syslog. Off until a level is set: a guest library is silent.
 * There is no formatter for secrets: tokens, PINs, CSRs and bodies are never arguments; certificates go by thumbprint.
 */
#ifndef KG_CORE_BASE_LOG_H
#define KG_CORE_BASE_LOG_H

#include "core/base/error.h"
#include "core/base/log_level.h"
#include "core/base/log_sink.h"

#include <stdbool.h>
#include <stddef.h>

typedef void kg_log_function(void *context, enum kg_log_level level, const char *line);

void kg_log_configure(enum kg_log_level level, enum kg_log_sink sink);
void kg_log_capture(kg_log_function *function, void *context); /* tests; NULL ends it */
bool kg_log_enabled(enum kg_log_level level);
void kg_log(enum kg_log_level level, const char *format, ...) KG_PRINTF(2, 3);
void kg_log_error(enum kg_log_level level, const struct kg_error *error); /* code, sub-code, text on one line */

/* "..." + the last 8 characters + length; the length alone for 8 or fewer. Writes at most `size` bytes with NUL. */
void kg_log_mask(const char *identifier, char *out, size_t size);

#endif
