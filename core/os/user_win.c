#include "core/os/user_win.h"

#include <stdio.h>
#include <windows.h>

#include <sddl.h>

enum kg_status kg_user_sid(char out[KG_SID_TEXT_SIZE], struct kg_error *error) {
  union {
    TOKEN_USER user;
    unsigned char bytes[sizeof(TOKEN_USER) + SECURITY_MAX_SID_SIZE];
  } info;
  HANDLE token = NULL;
  DWORD size = 0, failure = 0;
  char *text = NULL;
  int length = -1;
  if (OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token) &&
      GetTokenInformation(token, TokenUser, &info, sizeof info, &size) &&
      ConvertSidToStringSidA(info.user.User.Sid, &text))
    length = snprintf(out, KG_SID_TEXT_SIZE, "%s", text);
  else
    failure = GetLastError();
  if (text != NULL) LocalFree(text);
  if (token != NULL) CloseHandle(token);
  if (length > 0 && length < KG_SID_TEXT_SIZE) return KG_OK;
  return kg_error_set(error, KG_E_IO, "the process's user cannot be read (error %lu)", failure);
}
