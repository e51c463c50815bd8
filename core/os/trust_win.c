#include "core/os/trust_win.h"

#include "core/base/wide_win.h"
#include "core/os/error_win.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <aclapi.h>
#include <sddl.h>

#define WRITE_ANY                                                                                                      \
  (FILE_WRITE_DATA | FILE_APPEND_DATA | FILE_WRITE_EA | FILE_WRITE_ATTRIBUTES | DELETE | WRITE_DAC | WRITE_OWNER)
#define REPLACE_ANY (FILE_DELETE_CHILD | DELETE | WRITE_DAC | WRITE_OWNER)
#define READ_ANY (FILE_READ_DATA | FILE_READ_EA)

struct check {
  const char *path;
  enum kg_file_trust trust;
  struct kg_error *error;
  union {
    TOKEN_USER user;
    unsigned char bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
  } us;
};

static BOOL read_user(struct check *check) {
  HANDLE token = NULL;
  DWORD size = 0;
  BOOL done = OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token) &&
              GetTokenInformation(token, TokenUser, &check->us, sizeof check->us, &size);
  if (token != NULL) CloseHandle(token);
  return done;
}

/* S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464: the account that owns Windows's own files. */
static BOOL is_trusted_installer(PSID sid) {
  static const DWORD parts[] = {80, 956008885, 3418522649UL, 1831038044, 1853292631, 2271478464UL};
  static const SID_IDENTIFIER_AUTHORITY authority = SECURITY_NT_AUTHORITY;
  if (memcmp(GetSidIdentifierAuthority(sid), &authority, sizeof authority) != 0) return FALSE;
  if (*GetSidSubAuthorityCount(sid) != sizeof parts / sizeof parts[0]) return FALSE;
  for (DWORD i = 0; i < sizeof parts / sizeof parts[0]; i++)
    if (*GetSidSubAuthority(sid, i) != parts[i]) return FALSE;
  return TRUE;
}

static BOOL is_trusted(struct check *check, PSID sid) {
  return EqualSid(sid, check->us.user.User.Sid) || IsWellKnownSid(sid, WinLocalSystemSid) ||
         IsWellKnownSid(sid, WinBuiltinAdministratorsSid) || is_trusted_installer(sid);
}

/* Entries for "the owner" mean somebody who is looked at by himself. */
static BOOL is_placeholder(PSID sid) {
  return IsWellKnownSid(sid, WinCreatorOwnerSid) || IsWellKnownSid(sid, WinCreatorOwnerRightsSid);
}

static enum kg_status refuse(struct check *check, const wchar_t *at, PSID who, const char *reason) {
  char *name = at != NULL ? kg_wide_to_utf8(at) : NULL, *sid = NULL;
  ConvertSidToStringSidA(who, &sid);
  enum kg_status status = kg_error_set(check->error, KG_E_UNTRUSTED, "'%s' %s (%s)", name != NULL ? name : check->path,
                                       reason, sid != NULL ? sid : "?");
  if (sid != NULL) LocalFree(sid);
  free(name);
  return status;
}

static DWORD generic_to_file(DWORD mask) {
  GENERIC_MAPPING mapping = {FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE, FILE_ALL_ACCESS};
  MapGenericMask(&mask, &mapping);
  return mask;
}

/* What the list allows to people nobody vouches for. Denying entries are left out: they could only make it less. */
static enum kg_status check_list(struct check *check, const wchar_t *at, PACL list, PSID owner, DWORD forbidden,
                                 const char *reason) {
  for (DWORD i = 0; i < list->AceCount; i++) {
    void *entry = NULL;
    if (!GetAce(list, i, &entry))
      return kg_error_set(check->error, KG_E_UNTRUSTED, "'%s' has a bad access list", check->path);
    ACCESS_ALLOWED_ACE *allowed = entry;
    if (allowed->Header.AceFlags & INHERIT_ONLY_ACE) continue;
    if (allowed->Header.AceType == ACCESS_DENIED_ACE_TYPE) continue;
    if (allowed->Header.AceType != ACCESS_ALLOWED_ACE_TYPE)
      return refuse(check, at, owner, "has an access entry of a kind that is not understood here; its owner is");
    PSID sid = &allowed->SidStart;
    if (!(generic_to_file(allowed->Mask) & forbidden) || is_trusted(check, sid) || is_placeholder(sid)) continue;
    if (check->trust == KG_TRUST_SHARED && EqualSid(sid, owner)) continue;
    return refuse(check, at, sid, reason);
  }
  return KG_OK;
}

static enum kg_status check_handle(struct check *check, HANDLE handle, const wchar_t *at, BOOL is_file) {
  PSECURITY_DESCRIPTOR descriptor = NULL;
  PSID owner = NULL;
  PACL list = NULL;
  DWORD code = GetSecurityInfo(handle, SE_FILE_OBJECT, OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION, &owner,
                               NULL, &list, NULL, &descriptor);
  if (code) return kg_win_report(code, "read the access list of", check->path, check->error);
  enum kg_status status = KG_OK;
  if (owner == NULL || (check->trust != KG_TRUST_SHARED && !is_trusted(check, owner)))
    status = owner != NULL ? refuse(check, at, owner, "belongs to somebody else")
                           : kg_error_set(check->error, KG_E_UNTRUSTED, "'%s' has no owner", check->path);
  if (status == KG_OK && list == NULL)
    status = kg_error_set(check->error, KG_E_UNTRUSTED, "'%s' has no access list: everybody may write it", check->path);
  if (status == KG_OK)
    status = check_list(check, at, list, owner, is_file ? WRITE_ANY : REPLACE_ANY, "may be written by others");
  if (status == KG_OK && is_file && check->trust >= KG_TRUST_GRANTED)
    status = check_list(check, at, list, owner, READ_ANY, "may be read by others");
  LocalFree(descriptor);
  return status;
}

static enum kg_status check_folder(struct check *check, const wchar_t *folder) {
  HANDLE handle = CreateFileW(folder, READ_CONTROL, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                              OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
  if (handle == INVALID_HANDLE_VALUE)
    return kg_win_report(GetLastError(), "read the access list of a folder above", check->path, check->error);
  enum kg_status status = check_handle(check, handle, folder, FALSE);
  CloseHandle(handle);
  return status;
}

/* From the innermost folder to the root of the drive; `path` is cut as we go. */
static enum kg_status check_folders(struct check *check, wchar_t *path) {
  enum kg_status status = KG_OK;
  wchar_t *slash = wcsrchr(path, L'\\');
  while (status == KG_OK && slash != NULL && slash > path && slash[-1] != L'\\' && slash[-1] != L'?') {
    BOOL is_root = slash[-1] == L':';
    if (is_root)
      slash[1] = L'\0';
    else
      *slash = L'\0';
    status = check_folder(check, path);
    if (is_root) break;
    slash = wcsrchr(path, L'\\');
  }
  return status;
}

enum kg_status kg_trust_check(void *handle, const char *path, enum kg_file_trust trust, struct kg_error *error) {
  static const DWORD most = 32768;
  struct check check = {0};
  wchar_t *name = malloc(most * sizeof *name);
  check.path = path, check.trust = trust, check.error = error;
  if (name == NULL) return kg_error_no_memory(error, "to examine '%s'", path);
  DWORD length = GetFinalPathNameByHandleW(handle, name, most, FILE_NAME_NORMALIZED | VOLUME_NAME_DOS);
  BY_HANDLE_FILE_INFORMATION info;
  enum kg_status status;
  if (!read_user(&check) || !GetFileInformationByHandle(handle, &info) || length == 0 || length >= most)
    status = kg_win_report(GetLastError(), "examine", path, error);
  else
    status = check_handle(&check, handle, NULL, !(info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY));
  if (status == KG_OK) status = check_folders(&check, name);
  free(name);
  return status;
}
