#include "core/os/named_mutex_win.h"

#include <string.h>
#include <windows.h>

#include <sddl.h>

/* Everybody who may log on may wait (0x100001: SYNCHRONIZE and MUTEX_MODIFY_STATE); only system, administrators and
 * the owner may do more. */
#define SHARED_SDDL "D:(A;;0x1F0001;;;SY)(A;;0x1F0001;;;BA)(A;;0x1F0001;;;OW)(A;;0x100001;;;AU)"

static HANDLE open_named(const wchar_t *name, int shared) {
  SECURITY_ATTRIBUTES attributes = {sizeof attributes, NULL, FALSE};
  if (shared && !ConvertStringSecurityDescriptorToSecurityDescriptorA(SHARED_SDDL, SDDL_REVISION_1,
                                                                      &attributes.lpSecurityDescriptor, NULL))
    return NULL;
  HANDLE mutex = CreateMutexExW(&attributes, name, 0, SYNCHRONIZE | MUTEX_MODIFY_STATE);
  if (attributes.lpSecurityDescriptor != NULL) LocalFree(attributes.lpSecurityDescriptor);
  return mutex;
}

static HANDLE open_mutex(const wchar_t *name, int shared) {
  static const wchar_t global[] = L"Global\\", local[] = L"Local\\";
  HANDLE mutex = open_named(name, shared);
  if (mutex != NULL || GetLastError() != ERROR_ACCESS_DENIED || wcsncmp(name, global, wcslen(global)) != 0)
    return mutex;
  if (wcslen(name) >= MAX_PATH) return NULL;
  wchar_t other[MAX_PATH];
  wcscpy(other, local);
  wcscat(other, name + wcslen(global));
  return open_named(other, shared);
}

enum kg_status kg_named_mutex_acquire(const wchar_t *name, int shared, unsigned timeout_ms, void **out,
                                      struct kg_error *error) {
  HANDLE mutex = open_mutex(name, shared);
  *out = NULL;
  if (mutex == NULL)
    return kg_error_set(error, KG_E_IO, "mutex %ls cannot be opened (error %lu)", name, GetLastError());
  DWORD waited = WaitForSingleObject(mutex, timeout_ms);
  if (waited == WAIT_OBJECT_0 || waited == WAIT_ABANDONED) {
    *out = mutex;
    return KG_OK;
  }
  CloseHandle(mutex);
  return kg_error_set(error, KG_E_LOCK_BUSY, "another process has held mutex %ls for %u ms", name, timeout_ms);
}

void kg_named_mutex_release(void **mutex) {
  if (mutex == NULL || *mutex == NULL) return;
  ReleaseMutex(*mutex);
  CloseHandle(*mutex);
  *mutex = NULL;
}
