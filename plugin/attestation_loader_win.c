#include "plugin/attestation_loader_system.h"

#include "core/base/wide_win.h"
#include "plugin/authenticode_win.h"

#include <stdlib.h>
#include <windows.h>

const char kg_attestation_file_name[] = "AttestationClientLib.dll";

void *kg_attestation_file_hold(const char *path) {
  wchar_t *wide = kg_wide_dup(path);
  HANDLE held = INVALID_HANDLE_VALUE;
  if (wide != NULL)
    held = CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
  free(wide);
  return held != INVALID_HANDLE_VALUE ? held : NULL;
}

void kg_attestation_file_release(void *held) {
  if (held != NULL) CloseHandle(held);
}

/* It must be Microsoft's. */
enum kg_status kg_attestation_file_check_signature(const char *path, struct kg_error *error) {
  wchar_t *wide = kg_wide_dup(path);
  enum kg_status status = wide != NULL ? kg_authenticode_check(wide, path, error)
                                       : kg_error_no_memory(error, "for the attestation library");
  free(wide);
  return status;
}

/* KA/Attestation/NativeDiagnostics.cs */
const char *kg_attestation_file_hint(long code) {
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
