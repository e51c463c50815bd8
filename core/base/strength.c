#include "core/base/strength.h"

#include <stddef.h>
#include <string.h>

static const char *const strength_names[] = {"none", "software", "hardware", "keyguard"};

const char *kg_strength_name(enum kg_strength strength) {
  return (size_t)strength < sizeof strength_names / sizeof strength_names[0] ? strength_names[strength] : "?";
}

enum kg_status kg_strength_parse(const char *text, enum kg_strength *out) {
  for (size_t i = 0; text != NULL && i < sizeof strength_names / sizeof strength_names[0]; i++) {
    if (strcmp(text, strength_names[i]) != 0) continue;
    *out = (enum kg_strength)i;
    return KG_OK;
  }
  return KG_E_USAGE;
}
