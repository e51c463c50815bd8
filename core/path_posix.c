#include "core/path.h"

#include "core/buf.h"

bool kg_path_is_absolute(const char *path) {
  return path[0] == '/';
}

char *kg_path_expand(const char *path) {
  return kg_strdup(path);
}

char *kg_path_state_dir(void) {
  return kg_strdup("/var/lib/keyguard");
}
