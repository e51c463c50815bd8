#include "ctl/process.h"

#include "core/base/wide_win.h"
#include "ctl/command_line_win.h"

#include <fcntl.h>
#include <io.h>
#include <malloc.h>
#include <stdlib.h>
#include <windows.h>

void kg_process_harden(void) {
  SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX); /* no dialog box in a scheduled task */
  SetDllDirectoryW(L"");                                        /* the current folder is searched for nothing */
  _setmode(_fileno(stdout), _O_BINARY); /* what is printed may be JSON for another program: no carriage returns */
}

bool kg_process_is_terminal(FILE *stream) {
  return _isatty(_fileno(stream)) != 0;
}

size_t kg_process_block_size(void *block) {
  return _msize(block);
}

enum kg_status kg_process_become(const char *user, struct kg_error *error) {
  return kg_error_set(error, KG_E_USAGE, "Windows lets nobody become '%.64s' without a password: run this as that user",
                      user);
}

bool kg_process_serves_other(const char *folder, long *owner) {
  (void)folder, (void)owner;
  return false;
}

static bool set_variables(const struct kg_process_variable *variables) {
  bool good = true;
  for (; good && variables->name != NULL; variables++) {
    wchar_t *name = kg_wide_dup(variables->name), *value = kg_wide_dup(variables->value);
    good = name != NULL && value != NULL && SetEnvironmentVariableW(name, value);
    free(name);
    free(value);
  }
  return good;
}

/* There is no exec here: the command runs as a child, and this process ends with its exit code. */
enum kg_status kg_process_exec(char **argv, const struct kg_process_variable *variables, int *exit_code,
                               struct kg_error *error) {
  *exit_code = KG_EXIT_NOT_RUNNABLE;
  STARTUPINFOW startup = {0};
  wchar_t *line = kg_command_line(argv);
  startup.cb = sizeof startup;
  if (line == NULL || !set_variables(variables)) {
    free(line);
    return kg_error_no_memory(error, "to run %s", argv[0]);
  }
  PROCESS_INFORMATION child;
  if (!CreateProcessW(NULL, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &child)) {
    unsigned long reason = GetLastError();
    bool none = reason == ERROR_FILE_NOT_FOUND || reason == ERROR_PATH_NOT_FOUND || reason == ERROR_INVALID_NAME;
    enum kg_status status = none ? KG_E_USAGE : reason == ERROR_ACCESS_DENIED ? KG_E_ACCESS : KG_E_IO;
    if (none) *exit_code = KG_EXIT_NO_COMMAND;
    free(line);
    return kg_error_set_code(error, status, (long)reason, "cannot run %s: error %lu", argv[0], reason);
  }
  free(line);
  WaitForSingleObject(child.hProcess, INFINITE);
  DWORD code = 1;
  GetExitCodeProcess(child.hProcess, &code);
  ExitProcess(code);
}
