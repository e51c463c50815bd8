#include "ctl/library.h"

#include <dlfcn.h>
#include <stddef.h>

enum kg_status kg_library_open(const char *path, void **out, struct kg_error *error) {
  *out = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (*out != NULL) return KG_OK;
  const char *reason = dlerror();
  return kg_error_set(error, KG_E_PLUGIN, "cannot load %s: %s", path, reason != NULL ? reason : "no reason was given");
}

void *kg_library_symbol(void *library, const char *name) {
  return dlsym(library, name);
}
