#include "core/base/log_level.h"

#include <stddef.h>
#include <string.h>

static const char *const level_names[] = {"off", "error", "warn", "info", "debug"};
#define LEVEL_COUNT (sizeof level_names / sizeof level_names[0])

enum kg_status kg_log_level_parse(const char *text, enum kg_log_level *out) {
  for (size_t i = 0; text != NULL && i < LEVEL_COUNT; i++) {
    if (strcmp(text, level_names[i]) != 0) continue;
    *out = (enum kg_log_level)i;
    return KG_OK;
  }
  return KG_E_USAGE;
}

const char *kg_log_level_name(enum kg_log_level level) {
  return (size_t)level < LEVEL_COUNT ? level_names[level] : level_names[KG_LOG_OFF];
}
