#include "core/os/path.h"

#include "core/base/buf.h"

#include <string.h>

bool kg_path_is_absolute(const char *path) {
  return path[0] == '/';
}

char *kg_path_expand(const char *path) {
  return kg_strdup(path);
}

bool kg_path_is_same_name(const char *a, const char *b) {
  return strcmp(a, b) == 0;
}

bool kg_path_is_file_name(const char *name) {
  return *name && strchr(name, '/') == NULL;
}

char *kg_path_folder(const char *path) {
  char *folder = kg_strdup(path);
  size_t length = folder != NULL ? strlen(folder) : 0;
  while (length > 1 && folder[length - 1] == '/')
    length--;
  while (length > 1 && folder[length - 1] != '/')
    length--;
  if (folder != NULL) folder[length] = '\0';
  return folder;
}

char *kg_path_state_dir(void) {
  return kg_strdup("/var/lib/keyguard");
}
