#include "core/base/wide_win.h"
#include "core/os/error_win.h"
#include "core/os/lock.h"

#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#define POLL_MS 50
#define LOCKED_BYTE 0x40000000 /* behind the holder's process id, which those who wait may read */

struct kg_lock {
  HANDLE file;
};

static enum kg_status open_file(const char *path, HANDLE *file, struct kg_error *error) {
  wchar_t *wide = kg_wide_dup(path);
  if (wide == NULL) return kg_error_no_memory(error, "to lock '%s'", path);
  *file =
      CreateFileW(wide, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                  OPEN_ALWAYS, FILE_FLAG_OPEN_REPARSE_POINT | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION, NULL);
  free(wide);
  if (*file == INVALID_HANDLE_VALUE) return kg_win_report(GetLastError(), "open lock", path, error);
  if (GetFileType(*file) == FILE_TYPE_DISK) return KG_OK;
  CloseHandle(*file);
  return kg_error_set(error, KG_E_UNTRUSTED, "lock '%s' is not a regular file", path);
}

/* 0, or the error: ERROR_LOCK_VIOLATION and ERROR_IO_PENDING mean that somebody else has it. */
static DWORD try_lock(HANDLE file) {
  OVERLAPPED at = {0};
  at.Offset = LOCKED_BYTE;
  if (LockFileEx(file, LOCKFILE_EXCLUSIVE_LOCK | LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)) return 0;
  return GetLastError();
}

static DWORD wait_for_lock(HANDLE file, int64_t timeout_ms, const struct kg_clock *clock) {
  int64_t start = clock->elapsed_ms(clock->context), left;
  DWORD code;
  for (;;) {
    code = try_lock(file);
    if (code != ERROR_LOCK_VIOLATION && code != ERROR_IO_PENDING) return code;
    left = timeout_ms - (clock->elapsed_ms(clock->context) - start);
    if (left <= 0) return ERROR_LOCK_VIOLATION;
    clock->sleep_ms(clock->context, left < POLL_MS ? left : POLL_MS);
  }
}

/* For the message of those who wait in vain; a failure here costs nothing but that. */
static void write_holder(HANDLE file, unsigned long pid) {
  char text[24];
  int length = snprintf(text, sizeof text, "%lu\n", pid);
  SetFilePointer(file, 0, NULL, FILE_BEGIN);
  SetEndOfFile(file);
  DWORD written;
  if (pid) WriteFile(file, text, (DWORD)length, &written, NULL);
}

static enum kg_status report_busy(HANDLE file, const char *path, struct kg_error *error) {
  char text[24] = "";
  DWORD length = 0;
  ReadFile(file, text, sizeof text - 1, &length, NULL);
  unsigned long pid = strtoul(text, NULL, 10);
  if (pid == 0) return kg_error_set(error, KG_E_LOCK_BUSY, "'%s' is locked by another process", path);
  return kg_error_set(error, KG_E_LOCK_BUSY, "'%s' is locked by process %lu", path, pid);
}

enum kg_status kg_lock_acquire(const char *path, int64_t timeout_ms, const struct kg_clock *clock, struct kg_lock **out,
                               struct kg_error *error) {
  HANDLE file = INVALID_HANDLE_VALUE;
  enum kg_status status = open_file(path, &file, error);
  *out = NULL;
  if (status != KG_OK) return status;
  DWORD code = wait_for_lock(file, timeout_ms, clock);
  struct kg_lock *lock = NULL;
  if (code == ERROR_LOCK_VIOLATION)
    status = report_busy(file, path, error);
  else if (code)
    status = kg_win_report(code, "lock", path, error);
  else if ((lock = malloc(sizeof *lock)) == NULL)
    status = kg_error_no_memory(error, "to lock '%s'", path);
  if (status != KG_OK) {
    CloseHandle(file);
    return status;
  }
  write_holder(file, GetCurrentProcessId());
  lock->file = file;
  *out = lock;
  return KG_OK;
}

enum kg_status kg_lock_check(const char *path, struct kg_error *error) {
  wchar_t *wide = kg_wide_dup(path);
  if (wide == NULL) return kg_error_no_memory(error, "to lock '%s'", path);
  bool is_there = GetFileAttributesW(wide) != INVALID_FILE_ATTRIBUTES;
  free(wide);
  struct kg_lock *lock = NULL;
  enum kg_status status = is_there ? kg_lock_acquire(path, 0, kg_clock_system(), &lock, error) : KG_OK;
  kg_lock_release(&lock);
  return status;
}

void kg_lock_release(struct kg_lock **lock) {
  if (lock == NULL || *lock == NULL) return;
  OVERLAPPED at = {0};
  at.Offset = LOCKED_BYTE;
  write_holder((*lock)->file, 0);
  UnlockFileEx((*lock)->file, 0, 1, 0, &at); /* closing would free it as well, but some time later */
  CloseHandle((*lock)->file);
  free(*lock);
  *lock = NULL;
}
