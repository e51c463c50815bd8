/* Where finished log lines go. Only core/base/log.c calls this. */
#ifndef KG_CORE_BASE_LOG_SINK_H
#define KG_CORE_BASE_LOG_SINK_H

#include "core/base/log.h"

/* One call a line; never fails, because there is nowhere to say so. */
void kg_log_sink_write(enum kg_log_sink sink, enum kg_log_level level, const char *line);

#endif
