#include "core/os/library_win.h"

#include "core/base/wide_win.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static void *report(void *library, struct kg_library_failure *failure) {
  DWORD code = library != NULL ? 0 : GetLastError();
  failure->code = (long)code;
  failure->text[0] = '\0';
  if (library == NULL) snprintf(failure->text, sizeof failure->text, "error %lu", code);
  return library;
}

void *kg_library_open(const char *path, struct kg_library_failure *failure) {
  wchar_t *wide = kg_wide_dup(path);
  HMODULE library = NULL;
  if (wide != NULL)
    library = LoadLibraryExW(wide, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32);
  void *opened = report(library, failure);
  free(wide);
  return opened;
}

void *kg_library_open_system(const wchar_t *name, struct kg_library_failure *failure) {
  return report(LoadLibraryExW(name, NULL, LOAD_LIBRARY_SEARCH_SYSTEM32), failure);
}

void kg_library_close(void *library) {
  FreeLibrary(library);
}

kg_library_function *kg_library_find(void *library, const char *name) {
  return (kg_library_function *)GetProcAddress(library, name);
}

static HMODULE module_of(kg_library_function *function) {
  HMODULE module = NULL;
  LPCWSTR address = (LPCWSTR)(uintptr_t)function;
  if (!GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                          address, &module))
    return NULL;
  return module;
}

const void *kg_library_of(kg_library_function *function) {
  return module_of(function);
}

static void here(void) {}

char *kg_library_own_folder(void) {
  static const DWORD most = 32768;
  wchar_t *file = malloc(most * sizeof *file);
  HMODULE self = module_of(here);
  DWORD length = 0;
  if (file != NULL && self != NULL) length = GetModuleFileNameW(self, file, most);
  wchar_t *slash = NULL;
  if (length > 0 && length < most) slash = wcsrchr(file, L'\\');
  char *folder = NULL;
  if (slash != NULL) {
    *slash = L'\0';
    folder = kg_wide_to_utf8(file);
  }
  free(file);
  return folder;
}
