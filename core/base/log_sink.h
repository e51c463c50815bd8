/* Where finished log lines go. */
#ifndef KG_CORE_BASE_LOG_SINK_H
#define KG_CORE_BASE_LOG_SINK_H

#include "core/base/log_level.h"

enum kg_log_sink { KG_LOG_STDERR = 0, KG_LOG_SYSLOG };

/* One call a line; never fails, because there is nowhere to say so. Only core/base/log.c calls this. */
void kg_log_sink_write(enum kg_log_sink sink, enum kg_log_level level, const char *line);

#endif
