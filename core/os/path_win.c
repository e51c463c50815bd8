#include "core/os/path_win.h"

#include "core/base/buf.h"
#include "core/base/wide_win.h"
#include "core/os/file.h"
#include "core/os/path.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define PROGRAM_DATA "%ProgramData%"
#define LOCAL_APP_DATA "%LOCALAPPDATA%"

static bool is_letter(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_slash(char c) {
  return c == '\\' || c == '/';
}

static bool starts_with(const char *path, const char *variable) {
  size_t length = strlen(variable);
  return _strnicmp(path, variable, length) == 0 && is_slash(path[length]);
}

bool kg_path_is_absolute(const char *path) {
  if (is_letter(path[0]) && path[1] == ':' && is_slash(path[2])) return true;
  return starts_with(path, PROGRAM_DATA) || starts_with(path, LOCAL_APP_DATA);
}

/* The registry and not the environment, which a user may set for programs that then run with more rights. The value is
 * "%SystemDrive%\ProgramData" on every machine; its drive is that of the Windows folder. */
char *kg_path_program_data(void) {
  static const char variable[] = "%SystemDrive%";
  char value[MAX_PATH] = "", windows[MAX_PATH] = "";
  DWORD size = sizeof value;
  UINT length = GetSystemWindowsDirectoryA(windows, sizeof windows);
  LSTATUS code = RegGetValueA(HKEY_LOCAL_MACHINE, "SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList",
                              "ProgramData", RRF_RT_REG_SZ | RRF_RT_REG_EXPAND_SZ | RRF_NOEXPAND, NULL, value, &size);
  const char *rest = value + sizeof variable - 1;
  if (code == ERROR_SUCCESS && is_letter(value[0]) && value[1] == ':') return kg_strdup(value);
  if (length < 2 || length >= sizeof windows || windows[1] != ':') memcpy(windows, "C:", 3);
  windows[2] = '\0';
  if (code != ERROR_SUCCESS || _strnicmp(value, variable, sizeof variable - 1) != 0) rest = "\\ProgramData";
  while (is_slash(*rest))
    rest++;
  return kg_file_join(windows, rest, NULL);
}

static char *local_app_data(void) {
  wchar_t value[MAX_PATH];
  DWORD length = GetEnvironmentVariableW(L"LOCALAPPDATA", value, MAX_PATH);
  return length > 0 && length < MAX_PATH ? kg_wide_to_utf8(value) : NULL;
}

/* LoadLibraryEx takes nothing but backslashes. */
static char *with_backslashes(char *path) {
  for (char *at = path; at != NULL && *at; at++)
    if (*at == '/') *at = '\\';
  return path;
}

char *kg_path_expand(const char *path) {
  char *folder = NULL;
  if (starts_with(path, PROGRAM_DATA)) {
    folder = kg_path_program_data();
    path += sizeof PROGRAM_DATA;
  } else if (starts_with(path, LOCAL_APP_DATA)) {
    folder = local_app_data();
    path += sizeof LOCAL_APP_DATA;
  } else {
    return with_backslashes(kg_strdup(path));
  }
  char *expanded = NULL;
  if (folder != NULL) expanded = with_backslashes(kg_file_join(folder, path, NULL));
  free(folder);
  return expanded;
}

bool kg_path_is_same_name(const char *a, const char *b) {
  return _stricmp(a, b) == 0;
}

bool kg_path_is_file_name(const char *name) {
  static const char *const devices[] = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"};
  size_t length = strcspn(name, ".");
  if (!*name || strpbrk(name, "\\/:*?\"<>|") != NULL) return false;
  for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++)
    if (length == strlen(devices[i]) && _strnicmp(name, devices[i], length) == 0) return false;
  return length != 4 || (_strnicmp(name, "COM", 3) != 0 && _strnicmp(name, "LPT", 3) != 0) || name[3] < '0' ||
         name[3] > '9';
}

char *kg_path_folder(const char *path) {
  char *folder = kg_strdup(path);
  size_t length = folder != NULL ? strlen(folder) : 0;
  while (length > 3 && strchr("\\/", folder[length - 1]) != NULL)
    length--;
  while (length > 3 && strchr("\\/", folder[length - 1]) == NULL)
    length--;
  if (folder != NULL) folder[length] = '\0';
  return folder;
}

char *kg_path_state_dir(void) {
  return kg_path_expand(PROGRAM_DATA "\\KeyGuard\\state");
}
