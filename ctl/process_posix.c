#include "ctl/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

void kg_process_harden(void) {
  const struct rlimit none = {0, 0};
  (void)setrlimit(RLIMIT_CORE, &none);
  (void)umask(022);
}

bool kg_process_is_terminal(FILE *stream) {
  return isatty(fileno(stream)) == 1;
}

enum kg_status kg_process_exec(char **argv, const struct kg_process_variable *variables, struct kg_error *error) {
  for (; variables->name; variables++)
    if (setenv(variables->name, variables->value, 1) != 0)
      return kg_error_set(error, KG_E_NO_MEMORY, "the environment has no room for %s", variables->name);
  execvp(argv[0], argv);
  int code = errno;
  enum kg_status status = code == ENOENT ? KG_E_NOT_FOUND : code == EACCES ? KG_E_ACCESS : KG_E_IO;
  status = kg_error_set(error, status, "cannot run %s: %s", argv[0], strerror(code));
  error->native_code = code;
  return status;
}
