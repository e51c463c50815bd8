#include "ctl/cache_folder.h"

#include "core/base/log.h"
#include "core/os/file.h"
#include "core/os/path.h"

#include <stdlib.h>

/* The profile is the user's own, and its folders inherit that. */
char *kg_cache_folder(const char *state_dir) {
  static const char *const steps[] = {"%LOCALAPPDATA%\\KeyGuard", "%LOCALAPPDATA%\\KeyGuard\\tokens"};
  (void)state_dir;
  char *path = NULL;
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
    free(path);
    path = kg_path_expand(steps[i]);
    if (path == NULL || kg_file_make_directory(path, 0700, NULL) != KG_OK) break;
    if (i + 1 == sizeof steps / sizeof steps[0]) return path;
  }
  kg_log(KG_LOG_WARN, "tokens are not kept: %s cannot be made", path != NULL ? path : "a folder for them");
  free(path);
  return NULL;
}
