#include "core/base/wide_win.h"
#include "core/os/path.h"
#include "core/state/config_file.h"

#include <stdlib.h>
#include <windows.h>

static char *configured_path; /* both live as long as the process: the caller borrows */
static char *default_path;

static BOOL CALLBACK find_paths(INIT_ONCE *once, void *parameter, void **context) {
  wchar_t value[MAX_PATH];
  DWORD length = GetEnvironmentVariableW(L"KEYGUARD_CONF", value, MAX_PATH);
  (void)once, (void)parameter, (void)context;
  default_path = kg_path_expand("%ProgramData%\\KeyGuard\\keyguard.conf");
  if (length == 0 || length >= MAX_PATH) return TRUE;
  configured_path = kg_wide_to_utf8(value);
  if (configured_path != NULL && !kg_path_is_absolute(configured_path)) {
    free(configured_path);
    configured_path = NULL;
  }
  return TRUE;
}

const char *kg_config_path(void) {
  static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
  InitOnceExecuteOnce(&once, find_paths, NULL, NULL);
  if (configured_path != NULL) return configured_path;
  return default_path != NULL ? default_path : "C:\\ProgramData\\KeyGuard\\keyguard.conf";
}
