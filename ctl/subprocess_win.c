#include "ctl/subprocess.h"

#include "ctl/command_line_win.h"

#include <stdlib.h>
#include <windows.h>

/* What it writes is read while it runs, or a full pipe would hold it. */
struct reader {
  HANDLE from;
  struct kg_buf *output;
};

static DWORD WINAPI receive(LPVOID argument) {
  struct reader *reader = argument;
  unsigned char block[4096];
  DWORD length = 0;
  while (ReadFile(reader->from, block, sizeof block, &length, NULL) && length > 0)
    if (reader->output->len + length <= KG_SUBPROCESS_OUTPUT_MAX)
      (void)(kg_buf_append(reader->output, kg_span_of(block, length)) == KG_OK); /* what is cut is not JSON */
  return 0;
}

static enum kg_status spawn(char *const *argv, HANDLE output, PROCESS_INFORMATION *child, struct kg_error *error) {
  STARTUPINFOW startup = {.cb = sizeof startup};
  if (output != NULL) {
    startup.dwFlags = STARTF_USESTDHANDLES;
    startup.hStdInput = GetStdHandle(STD_INPUT_HANDLE);
    startup.hStdOutput = output;
    startup.hStdError = GetStdHandle(STD_ERROR_HANDLE);
  }
  wchar_t self[1024];
  DWORD length = GetModuleFileNameW(NULL, self, sizeof self / sizeof self[0]);
  wchar_t *line = kg_command_line(argv);
  if (line == NULL) return kg_error_no_memory(error, "to run %s", argv[0]);
  bool started = length > 0 && length < sizeof self / sizeof self[0] &&
                 CreateProcessW(self, line, NULL, NULL, TRUE, 0, NULL, NULL, &startup, child);
  unsigned long reason = GetLastError();
  free(line);
  if (started) return KG_OK;
  return kg_error_set_code(error, KG_E_IO, (long)reason, "cannot run %s once more: error %lu", argv[0], reason);
}

static enum kg_status await(const PROCESS_INFORMATION *child, int64_t limit_ms, int *exit_code,
                            struct kg_error *error) {
  DWORD code = 1;
  bool over = WaitForSingleObject(child->hProcess, (DWORD)limit_ms) == WAIT_OBJECT_0;
  if (!over) (void)TerminateProcess(child->hProcess, 1);
  (void)WaitForSingleObject(child->hProcess, 2000);
  (void)GetExitCodeProcess(child->hProcess, &code);
  if (!over)
    return kg_error_set(error, KG_E_TIMEOUT, "it was not over after %lld s and was ended",
                        (long long)(limit_ms / 1000));
  *exit_code = (int)code;
  if (code < 0xc0000000) return KG_OK; /* else an exception's code */
  return kg_error_set_code(error, KG_E_BUG, (long)(int32_t)code,
                           "it was ended by exception 0x%08lx, in a library of its key store or of its plugin, most "
                           "likely",
                           (unsigned long)code);
}

static enum kg_status run(char *const *argv, int64_t limit_ms, HANDLE output, struct reader *reader, int *exit_code,
                          struct kg_error *error) {
  PROCESS_INFORMATION child;
  enum kg_status status = spawn(argv, output, &child, error);
  if (output != NULL) CloseHandle(output); /* or the pipe would have no end */
  if (status != KG_OK) return status;
  HANDLE thread = reader->from != NULL ? CreateThread(NULL, 0, receive, reader, 0, NULL) : NULL;
  status = await(&child, limit_ms, exit_code, error);
  if (thread != NULL) {
    (void)WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
  }
  CloseHandle(child.hThread);
  CloseHandle(child.hProcess);
  return status;
}

enum kg_status kg_subprocess_run(char *const *argv, int64_t limit_ms, struct kg_buf *output, int *exit_code,
                                 struct kg_error *error) {
  struct reader reader = {.output = output};
  HANDLE write_end = NULL;
  if (output != NULL) {
    SECURITY_ATTRIBUTES inheritable = {.nLength = sizeof inheritable, .bInheritHandle = TRUE};
    if (!CreatePipe(&reader.from, &write_end, &inheritable, 0))
      return kg_error_set_code(error, KG_E_IO, (long)GetLastError(), "no pipe for %s", argv[0]);
    (void)SetHandleInformation(reader.from, HANDLE_FLAG_INHERIT, 0);
  }
  enum kg_status status = run(argv, limit_ms, write_end, &reader, exit_code, error);
  if (reader.from != NULL) CloseHandle(reader.from);
  return status;
}
