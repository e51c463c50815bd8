#include "ctl/library.h"

#include "core/base/wide_win.h"
#include "core/os/file.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

/* Its own folder and System32 alone for what it needs: no current folder, no PATH. */
enum kg_status kg_library_open(const char *path, void **out, struct kg_error *error) {
  wchar_t *wide = kg_wide_dup(path);
  *out =
      wide != NULL ? LoadLibraryExW(wide, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32) : NULL;
  free(wide);
  if (*out != NULL) return KG_OK;
  return kg_error_set(error, KG_E_PLUGIN, "cannot load %s: error %lu", path, GetLastError());
}

void *kg_library_symbol(void *library, const char *name) {
  FARPROC function = GetProcAddress(library, name);
  void *symbol = NULL;
  memcpy(&symbol, &function, sizeof symbol); /* ISO C has no conversion from function to object pointer */
  return symbol;
}

/* Found once and kept: the callers borrow. "" where it cannot be found. */
static char own_folder[4 * MAX_PATH], own_module[5 * MAX_PATH];

static BOOL CALLBACK find_folder(INIT_ONCE *once, void *parameter, void **context) {
  wchar_t file[MAX_PATH];
  DWORD length = GetModuleFileNameW(NULL, file, MAX_PATH);
  wchar_t *slash = length > 0 && length < MAX_PATH ? wcsrchr(file, L'\\') : NULL;
  (void)once, (void)parameter, (void)context;
  if (slash != NULL) *slash = L'\0';
  char *folder = slash != NULL ? kg_wide_to_utf8(file) : NULL;
  char *module = folder != NULL ? kg_file_join(folder, "keyguard-pkcs11.dll", NULL) : NULL;
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

const char *kg_library_own_folder(void) {
  find_once();
  return own_folder;
}

const char *kg_library_own_module(void) {
  find_once();
  return own_module;
}
