#define _GNU_SOURCE /* secure_getenv: NULL where rights were raised (docs/pitfalls.md 57) */
#include "core/state/config_file.h"

#include <stdlib.h>

const char *kg_config_path(void) {
  const char *path = secure_getenv("KEYGUARD_CONF");
  return path != NULL && path[0] == '/' ? path : KG_SYSCONFDIR "/keyguard/keyguard.conf";
}
