#include "ctl/installed.h"

#include "core/os/file.h"
#include "core/os/library.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

/* Found once and kept: the callers borrow. "" where it cannot be found. */
static char own_folder[4 * MAX_PATH], own_module[5 * MAX_PATH];

static BOOL CALLBACK find_folder(INIT_ONCE *once, void *parameter, void **context) {
  (void)once, (void)parameter, (void)context;
  char *folder = kg_library_own_folder();
  char *module = folder != NULL ? kg_file_join(folder, "keyguard-pkcs11", KG_LIBRARY_SUFFIX) : NULL;
  if (module != NULL && strlen(folder) < sizeof own_folder && strlen(module) < sizeof own_module) {
    memcpy(own_folder, folder, strlen(folder) + 1);
    memcpy(own_module, module, strlen(module) + 1);
  }
  free(folder);
  free(module);
  return TRUE;
}

static void find_once(void) {
  static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
  InitOnceExecuteOnce(&once, find_folder, NULL, NULL);
}

const char *kg_installed_folder(void) {
  find_once();
  return own_folder;
}

const char *kg_installed_module(void) {
  find_once();
  return own_module;
}
