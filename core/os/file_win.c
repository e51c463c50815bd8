#include "core/os/file.h"

#include "core/base/wide_win.h"
#include "core/os/error_win.h"
#include "core/os/trust_win.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <sddl.h>

#define SHARE_ALL (FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE)
/* A name may turn out to be a pipe, whose server must not act for us. */
#define NO_IMPERSONATION (SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION)

static enum kg_status no_memory(const char *path, struct kg_error *error) {
  return kg_error_no_memory(error, "for '%s'", path);
}

static enum kg_status open_path(const char *path, DWORD access, DWORD flags, HANDLE *out, struct kg_error *error) {
  wchar_t *wide = kg_wide_dup(path);
  if (wide == NULL) return no_memory(path, error);
  *out = CreateFileW(wide, access, SHARE_ALL, NULL, OPEN_EXISTING, flags | NO_IMPERSONATION, NULL);
  free(wide);
  return *out == INVALID_HANDLE_VALUE ? kg_win_report(GetLastError(), "open", path, error) : KG_OK;
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static enum kg_status identify(HANDLE file, const char *path, struct kg_file_id *id, struct kg_error *error) {
  BY_HANDLE_FILE_INFORMATION info;
  if (!GetFileInformationByHandle(file, &info)) return kg_win_report(GetLastError(), "examine", path, error);
  id->device = info.dwVolumeSerialNumber;
  id->inode = (uint64_t)info.nFileIndexHigh << 32 | info.nFileIndexLow;
  id->size = (uint64_t)info.nFileSizeHigh << 32 | info.nFileSizeLow;
  id->mtime_ns =
      (int64_t)((uint64_t)info.ftLastWriteTime.dwHighDateTime << 32 | info.ftLastWriteTime.dwLowDateTime) * 100;
  return KG_OK;
}

static enum kg_status open_regular(const char *path, DWORD access, HANDLE *out, struct kg_error *error) {
  enum kg_status status = open_path(path, access, FILE_FLAG_BACKUP_SEMANTICS, out, error);
  if (status != KG_OK) return status;
  BY_HANDLE_FILE_INFORMATION info;
  if (GetFileType(*out) == FILE_TYPE_DISK && GetFileInformationByHandle(*out, &info) &&
      !(info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY))
    return KG_OK;
  CloseHandle(*out);
  return kg_error_set(error, KG_E_UNTRUSTED, "'%s' is not a regular file", path);
}

static enum kg_status read_all(HANDLE file, const char *path, size_t cap, kg_file_take *take, void *user,
                               struct kg_error *error) {
  unsigned char chunk[8192];
  enum kg_status status = KG_OK;
  size_t left = cap;
  DWORD got = 1;
  while (status == KG_OK && got != 0) {
    if (!ReadFile(file, chunk, sizeof chunk, &got, NULL))
      status = kg_win_report(GetLastError(), "read", path, error);
    else if (got > left)
      status = kg_error_set(error, KG_E_IO, "'%s' is larger than %zu bytes", path, cap);
    else if (take(user, kg_span_of(chunk, got)) != KG_OK)
      status = no_memory(path, error);
    else
      left -= got;
  }
  kg_wipe(chunk, sizeof chunk);
  return status;
}

enum kg_status kg_file_scan(const char *path, size_t cap, enum kg_file_trust trust, kg_file_take *take, void *user,
                            struct kg_file_id *id, struct kg_error *error) {
  HANDLE file = INVALID_HANDLE_VALUE;
  enum kg_status status = open_regular(path, GENERIC_READ, &file, error);
  if (status != KG_OK) return status;
  if (trust != KG_TRUST_ANY) status = kg_trust_check(file, path, trust, error);
  if (status == KG_OK) status = identify(file, path, id, error);
  if (status == KG_OK) status = read_all(file, path, cap, take, user, error);
  CloseHandle(file);
  return status;
}

enum kg_status kg_file_check(const char *path, enum kg_file_trust trust, struct kg_error *error) {
  HANDLE file = INVALID_HANDLE_VALUE;
  enum kg_status status =
      open_path(path, READ_CONTROL | FILE_READ_ATTRIBUTES, FILE_FLAG_BACKUP_SEMANTICS, &file, error);
  if (status != KG_OK) return status;
  if (trust != KG_TRUST_ANY) status = kg_trust_check(file, path, trust, error);
  CloseHandle(file);
  return status;
}

bool kg_file_failure_may_pass(const struct kg_error *error) {
  static const long passing[] = {ERROR_TOO_MANY_OPEN_FILES, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION,
                                 ERROR_NO_SYSTEM_RESOURCES, ERROR_IO_DEVICE,         ERROR_CRC,
                                 ERROR_NOT_READY,           ERROR_SEM_TIMEOUT,       ERROR_BUSY};
  if (error->status != KG_E_IO && error->status != KG_E_ACCESS) return error->status == KG_E_NO_MEMORY;
  for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
    if (error->native_code == passing[i]) return true;
  return false;
}

enum kg_status kg_file_identify(const char *path, struct kg_file_id *id) {
  memset(id, 0, sizeof *id);
  HANDLE file = INVALID_HANDLE_VALUE;
  enum kg_status status = open_path(path, FILE_READ_ATTRIBUTES, FILE_FLAG_BACKUP_SEMANTICS, &file, NULL);
  if (status != KG_OK) return status;
  status = identify(file, path, id, NULL);
  CloseHandle(file);
  return status;
}

bool kg_file_is_read_only(const char *path) {
  (void)path; /* no folder of another machine's is served to a container here */
  return false;
}

/* --- writing ----------------------------------------------------------------------------------------------------- */

/* What a mode means as an access list: the system, administrators and the owner may do all; others (and only where the
 * mode lets others read) may read. "OI", "CI": what is made in a folder later inherits it. */
static PSECURITY_DESCRIPTOR descriptor_of(unsigned mode, BOOL is_folder) {
  const char *inherit = is_folder ? "OICI" : "", *others = mode & 0004 ? is_folder ? "0x1200a9" : "FR" : NULL;
  char text[256];
  int length = snprintf(text, sizeof text, "D:P(A;%s;FA;;;SY)(A;%s;FA;;;BA)(A;%s;FA;;;OW)", inherit, inherit, inherit);
  if (others != NULL) snprintf(text + length, sizeof text - (size_t)length, "(A;%s;%s;;;BU)", inherit, others);
  PSECURITY_DESCRIPTOR descriptor = NULL;
  return ConvertStringSecurityDescriptorToSecurityDescriptorA(text, SDDL_REVISION_1, &descriptor, NULL) ? descriptor
                                                                                                        : NULL;
}

/* A new file beside `path` whose name nobody had. */
static HANDLE create_temporary(const char *path, unsigned mode, wchar_t **name) {
  SECURITY_ATTRIBUTES attributes = {sizeof attributes, descriptor_of(mode, FALSE), FALSE};
  size_t size = strlen(path) + 32;
  char *text = malloc(size);
  HANDLE file = INVALID_HANDLE_VALUE;
  static volatile LONG counter;
  for (int i = 0; text != NULL && attributes.lpSecurityDescriptor != NULL && file == INVALID_HANDLE_VALUE && i < 100;
       i++) {
    snprintf(text, size, "%s.%lx.%lx", path, GetCurrentProcessId(), (unsigned long)InterlockedIncrement(&counter));
    free(*name);
    *name = kg_wide_dup(text);
    if (*name == NULL) break;
    file = CreateFileW(*name, GENERIC_WRITE, 0, &attributes, CREATE_NEW, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE && GetLastError() != ERROR_FILE_EXISTS) break;
  }
  if (attributes.lpSecurityDescriptor != NULL) LocalFree(attributes.lpSecurityDescriptor);
  free(text);
  return file;
}

/* Closes `file` in any case. Returns 0 or the error. */
static DWORD fill(HANDLE file, struct kg_span contents) {
  DWORD code = 0, written = 0;
  while (code == 0 && contents.len) {
    DWORD part = contents.len < 0x40000000 ? (DWORD)contents.len : 0x40000000;
    if (!WriteFile(file, contents.data, part, &written, NULL)) code = GetLastError();
    contents.data += written;
    contents.len -= written;
  }
  if (code == 0 && !FlushFileBuffers(file)) code = GetLastError();
  CloseHandle(file);
  return code;
}

/* A reader that has the old file open keeps it from being replaced for that moment. */
static DWORD replace(const wchar_t *temporary, const char *path) {
  wchar_t *target = kg_wide_dup(path);
  DWORD code = ERROR_NOT_ENOUGH_MEMORY;
  for (int i = 0; target != NULL && i < 200; i++) {
    if (MoveFileExW(temporary, target, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH)) {
      code = 0;
      break;
    }
    code = GetLastError();
    if (code != ERROR_ACCESS_DENIED && code != ERROR_SHARING_VIOLATION) break;
    Sleep(10);
  }
  free(target);
  return code;
}

enum kg_status kg_file_replace(const char *path, struct kg_span contents, unsigned mode, struct kg_error *error) {
  wchar_t *temporary = NULL;
  HANDLE file = create_temporary(path, mode, &temporary);
  DWORD code = file == INVALID_HANDLE_VALUE ? GetLastError() : fill(file, contents);
  if (code == 0) code = replace(temporary, path);
  if (code && file != INVALID_HANDLE_VALUE) DeleteFileW(temporary);
  free(temporary);
  return code ? kg_win_report(code, "write", path, error) : KG_OK;
}

enum kg_status kg_file_make_directory(const char *path, unsigned mode, struct kg_error *error) {
  SECURITY_ATTRIBUTES attributes = {sizeof attributes, descriptor_of(mode, TRUE), FALSE};
  wchar_t *wide = kg_wide_dup(path);
  DWORD code = 0;
  if (attributes.lpSecurityDescriptor == NULL || wide == NULL)
    code = ERROR_NOT_ENOUGH_MEMORY;
  else if (!CreateDirectoryW(wide, &attributes))
    code = GetLastError();
  DWORD present;
  if (code == ERROR_ALREADY_EXISTS) {
    present = GetFileAttributesW(wide);
    if (present != INVALID_FILE_ATTRIBUTES && present & FILE_ATTRIBUTE_DIRECTORY) code = 0;
  }
  if (attributes.lpSecurityDescriptor != NULL) LocalFree(attributes.lpSecurityDescriptor);
  free(wide);
  return code ? kg_win_report(code, "create", path, error) : KG_OK;
}

bool kg_file_may_write_in(const char *directory) {
  (void)directory;
  return true;
}

enum kg_status kg_file_check_room(const char *folder, size_t bytes, struct kg_error *error) {
  HANDLE opened = INVALID_HANDLE_VALUE;
  enum kg_status status = open_path(folder, FILE_ADD_FILE, FILE_FLAG_BACKUP_SEMANTICS, &opened, error);
  if (status != KG_OK) return status;
  CloseHandle(opened);
  wchar_t *wide = kg_wide_dup(folder);
  ULARGE_INTEGER room = {0};
  DWORD code = 0;
  if (wide == NULL)
    code = ERROR_NOT_ENOUGH_MEMORY;
  else if (!(GetFileAttributesW(wide) & FILE_ATTRIBUTE_DIRECTORY))
    code = ERROR_PATH_NOT_FOUND;
  else if (!GetDiskFreeSpaceExW(wide, &room, NULL, NULL))
    code = GetLastError();
  else if (room.QuadPart < bytes)
    code = ERROR_DISK_FULL;
  free(wide);
  return code ? kg_win_report(code, "write into", folder, error) : KG_OK;
}

char *kg_file_join(const char *directory, const char *name, const char *suffix) {
  size_t length = strlen(directory);
  const char *slash = length && strchr("\\/", directory[length - 1]) != NULL ? "" : "\\";
  if (suffix == NULL) suffix = "";
  size_t size = length + strlen(name) + strlen(suffix) + 2;
  char *path = malloc(size);
  if (path != NULL) snprintf(path, size, "%s%s%s%s", directory, slash, name, suffix);
  return path;
}
