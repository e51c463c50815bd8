#include "plugin/attestation_loader_system.h"

#include "core/base/wide_win.h"
#include "core/os/file.h"
#include "plugin/authenticode_win.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define FILE_NAME "AttestationClientLib.dll"

char *kg_attestation_library_default_path(void) {
  static const char here;
  static const DWORD most = 32768;
  wchar_t *file = malloc(most * sizeof *file);
  HMODULE self = NULL;
  DWORD length = 0;
  if (file != NULL &&
      GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                         (LPCWSTR)(uintptr_t)&here, &self))
    length = GetModuleFileNameW(self, file, most);
  wchar_t *slash = NULL;
  if (length > 0 && length < most) slash = wcsrchr(file, L'\\');
  char *folder = NULL;
  if (slash != NULL) {
    *slash = L'\0';
    folder = kg_wide_to_utf8(file);
  }
  char *path = NULL;
  if (folder != NULL) path = kg_file_join(folder, FILE_NAME, NULL);
  free(folder);
  free(file);
  return path;
}

/* Nobody can exchange the file while this is open. */
static HANDLE hold(const wchar_t *path) {
  return CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
}

static bool find_symbol(void *library, const char *name, void *function, size_t size) {
  FARPROC symbol = GetProcAddress(library, name);
  memcpy(function, &symbol, size);
  return symbol != NULL;
}

/* KA/Attestation/NativeDiagnostics.cs */
static const char *hint_of(DWORD code) {
  switch (code) {
  case ERROR_BAD_EXE_FORMAT:
  case ERROR_EXE_MACHINE_TYPE_MISMATCH:
    return "it is for another architecture: x64 is needed";
  case ERROR_MOD_NOT_FOUND:
    return "a library it needs is missing: libcurl, OpenSSL and the VC++ runtime lie beside it or in System32";
  default:
    return "Windows cannot load it";
  }
}

/* Its own folder and System32 alone: not the current folder, not PATH, not the application's folder. */
static enum kg_status load(const char *path, const wchar_t *wide, struct kg_attestation_library *out,
                           struct kg_error *error) {
  HMODULE library = LoadLibraryExW(wide, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32);
  DWORD code = library != NULL ? 0 : GetLastError();
  if (library == NULL)
    return kg_error_set(error, KG_E_ATTESTATION_FAILED, "attestation library '%s': %s (error %lu)", path, hint_of(code),
                        code);
  enum kg_status status = kg_attestation_library_find_functions(path, library, find_symbol, out, error);
  if (status != KG_OK) FreeLibrary(library); /* nothing of it was called */
  return status;
}

/* A pinned hash says more than any signature; without one it must be Microsoft's. */
enum kg_status kg_attestation_library_open(const char *path, const char *pin, char sha256[KG_SHA256_TEXT + 1],
                                           struct kg_attestation_library *out, struct kg_error *error) {
  wchar_t *wide = kg_wide_dup(path);
  HANDLE held = wide != NULL ? hold(wide) : INVALID_HANDLE_VALUE;
  enum kg_status status = KG_OK;
  if (wide == NULL) status = kg_error_set(error, KG_E_NO_MEMORY, "no memory for the attestation library");
  if (status == KG_OK) status = kg_attestation_library_check_file(path, pin, sha256, error);
  if (status == KG_OK && pin == NULL) status = kg_authenticode_check(wide, path, error);
  if (status == KG_OK) status = load(path, wide, out, error);
  if (held != INVALID_HANDLE_VALUE) CloseHandle(held);
  free(wide);
  return status;
}
