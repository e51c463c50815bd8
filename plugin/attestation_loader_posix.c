#define _GNU_SOURCE /* dladdr: where this plugin's own file is */
#include "plugin/attestation_loader_system.h"

#include "core/os/file.h"
#include "wire/redact.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define FILE_NAME "libAttestationClientLib.so"

char *kg_attestation_library_default_path(void) {
  static const char here;
  Dl_info info;
  char *file = NULL;
  if (dladdr(&here, &info) && info.dli_fname != NULL) file = realpath(info.dli_fname, NULL);
  char *slash = file != NULL ? strrchr(file, '/') : NULL;
  char *path = NULL;
  if (slash != NULL) {
    *slash = '\0';
    path = kg_file_join(file, FILE_NAME, NULL);
  }
  free(file);
  return path;
}

static bool find_symbol(void *handle, const char *name, void *function, size_t size) {
  void *symbol = dlsym(handle, name);
  memcpy(function, &symbol, size); /* POSIX promises that both have one representation; C does not */
  return symbol != NULL;
}

enum kg_status kg_attestation_library_open(const char *path, const char *pin, char sha256[KG_SHA256_TEXT + 1],
                                           struct kg_attestation_library *out, struct kg_error *error) {
  enum kg_status status = kg_attestation_library_check_file(path, pin, sha256, error);
  void *handle = status == KG_OK ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
  if (status != KG_OK) return status;
  char reason[200];
  if (handle == NULL) {
    const char *text = dlerror();
    kg_redact(text != NULL ? text : "unknown reason", reason, sizeof reason);
    return kg_error_set(error, KG_E_ATTESTATION_FAILED, "attestation library cannot be loaded: %s", reason);
  }
  status = kg_attestation_library_find_functions(path, handle, find_symbol, out, error);
  if (status != KG_OK) dlclose(handle); /* nothing of it was called */
  return status;
}
