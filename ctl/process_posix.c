#define _DEFAULT_SOURCE /* initgroups */
#include "ctl/process.h"

#include "core/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct { /* what a command that we run is given back */
  bool known;
  struct sigaction sigpipe;
  struct rlimit core;
  mode_t mask;
  char *key_log;
} inherited;

/* libcurl opens this file for the secrets of its TLS sessions, whether or not any are written. */
static const char key_log[] = "SSLKEYLOGFILE";

/* A descriptor that was closed would be the next file's: a log or a token would be written into a lock. The wrong way
 * round, so that whoever reads or writes there is told. */
static void fill_standard_descriptors(void) {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
      (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY); /* the lowest that is free */
}

void kg_process_harden(void) {
  fill_standard_descriptors();
  struct sigaction ignore = {0};
  ignore.sa_handler = SIG_IGN;
  (void)sigaction(SIGPIPE, &ignore, &inherited.sigpipe);
  (void)getrlimit(RLIMIT_CORE, &inherited.core);
  struct rlimit core = inherited.core;
  core.rlim_cur = 0;
  (void)setrlimit(RLIMIT_CORE, &core);
  inherited.mask = umask(022);
  inherited.key_log = kg_strdup(getenv(key_log));
  (void)unsetenv(key_log);
  inherited.known = true;
}

static void restore(void) {
  if (!inherited.known) return;
  (void)sigaction(SIGPIPE, &inherited.sigpipe, NULL);
  (void)setrlimit(RLIMIT_CORE, &inherited.core);
  (void)umask(inherited.mask);
  if (inherited.key_log != NULL) (void)setenv(key_log, inherited.key_log, 1);
}

bool kg_process_is_terminal(FILE *stream) {
  return isatty(fileno(stream)) == 1;
}

size_t kg_process_block_size(void *block) {
  return malloc_usable_size(block);
}

enum kg_status kg_process_become(const char *user, struct kg_error *error) {
  const struct passwd *entry = getpwnam(user);
  if (entry == NULL) return kg_error_set(error, KG_E_USAGE, "there is no user '%.64s'", user);
  if (entry->pw_uid == geteuid() && entry->pw_uid == getuid()) return KG_OK;
  if (initgroups(user, entry->pw_gid) != 0 || setgid(entry->pw_gid) != 0 || setuid(entry->pw_uid) != 0)
    return kg_error_set(error, KG_E_ACCESS, "only root can look as another user");
  if (setenv("HOME", entry->pw_dir, 1) != 0 || setenv("USER", user, 1) != 0 || unsetenv("XDG_CACHE_HOME") != 0)
    return kg_error_no_memory(error, "for the environment");
  return KG_OK;
}

bool kg_process_serves_other(const char *folder, long *owner) {
  struct stat found;
  if (geteuid() != 0 || stat(folder, &found) != 0) return false;
  *owner = (long)found.st_uid;
  return found.st_uid != 0;
}

enum kg_status kg_process_exec(char **argv, const struct kg_process_variable *variables, int *exit_code,
                               struct kg_error *error) {
  *exit_code = KG_EXIT_NOT_RUNNABLE;
  for (; variables->name != NULL; variables++)
    if (setenv(variables->name, variables->value, 1) != 0)
      return kg_error_set(error, KG_E_NO_MEMORY, "the environment has no room for %s", variables->name);
  restore();
  execvp(argv[0], argv);
  int code = errno;
  if (code == ENOENT || code == ENOTDIR) *exit_code = KG_EXIT_NO_COMMAND;
  enum kg_status status = code == ENOENT ? KG_E_USAGE : code == EACCES ? KG_E_ACCESS : KG_E_IO;
  return kg_error_set_code(error, status, code, "cannot run %s: %s", argv[0], strerror(code));
}
