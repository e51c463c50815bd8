#include "core/base/log_sink.h"

#include <stdio.h>
#include <syslog.h>

static int priority_of(enum kg_log_level level) {
  switch (level) {
  case KG_LOG_ERROR:
    return LOG_ERR;
  case KG_LOG_WARN:
    return LOG_WARNING;
  case KG_LOG_INFO:
    return LOG_INFO;
  default:
    return LOG_DEBUG;
  }
}

/* No openlog(): its settings are one for the process, and the process is somebody else's. */
void kg_log_sink_write(enum kg_log_sink sink, enum kg_log_level level, const char *line) {
  if (sink == KG_LOG_SYSLOG) {
    syslog(LOG_DAEMON | priority_of(level), "keyguard: %s: %s", kg_log_level_name(level), line);
    return;
  }
  fprintf(stderr, "keyguard: %s: %s\n", kg_log_level_name(level), line);
}
