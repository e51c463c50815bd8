/* How much is logged. */
#ifndef KG_CORE_BASE_LOG_LEVEL_H
#define KG_CORE_BASE_LOG_LEVEL_H

#include "core/base/status.h"

enum kg_log_level { KG_LOG_OFF = 0, KG_LOG_ERROR, KG_LOG_WARN, KG_LOG_INFO, KG_LOG_DEBUG };

KG_MUST_USE enum kg_status kg_log_level_parse(const char *text, enum kg_log_level *out); /* off error warn info debug */
const char *kg_log_level_name(enum kg_log_level level);

#endif
