#include "core/base/log.h"

#include "core/base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

static atomic_int log_level = KG_LOG_OFF;
static atomic_int log_sink = KG_LOG_STDERR;
static kg_log_function *_Atomic capture_function; /* tests only, set while one thread runs */
static void *_Atomic capture_context;

void kg_log_configure(enum kg_log_level level, enum kg_log_sink sink) {
  atomic_store(&log_sink, (int)sink);
  atomic_store(&log_level, (int)level);
}

void kg_log_capture(kg_log_function *function, void *context) {
  atomic_store(&capture_context, context);
  atomic_store(&capture_function, function);
}

bool kg_log_enabled(enum kg_log_level level) {
  return level != KG_LOG_OFF && (int)level <= atomic_load(&log_level);
}

void kg_log(enum kg_log_level level, const char *format, ...) {
  kg_log_function *function = atomic_load(&capture_function);
  int saved_errno = errno; /* a caller may log between a failure and its report */
  if (!kg_log_enabled(level)) return;
  va_list arguments;
  va_start(arguments, format);
  char line[1024];
  if (vsnprintf(line, sizeof line, format, arguments) >= (int)sizeof line) memcpy(line + sizeof line - 4, "...", 4);
  va_end(arguments);
  kg_text_clean(line);
  if (function != NULL)
    function(atomic_load(&capture_context), level, line);
  else
    kg_log_sink_write((enum kg_log_sink)atomic_load(&log_sink), level, line);
  errno = saved_errno;
}

void kg_log_error(enum kg_log_level level, const struct kg_error *error) {
  if (error == NULL || !kg_log_enabled(level)) return;
  kg_log(level, "%s %s: %s", kg_status_code(error->status), kg_error_sub_code(error), error->text);
}

void kg_log_mask(const char *identifier, char *out, size_t size) {
  size_t length = identifier != NULL ? strlen(identifier) : 0;
  if (size == 0) return;
  if (length <= 8)
    snprintf(out, size, "(%zu)", length);
  else
    snprintf(out, size, "...%s(%zu)", identifier + length - 8, length);
}
