#define _GNU_SOURCE /* posix_spawn_file_actions_addclosefrom_np, and what Linux tells a process about itself */
#include "pkcs11/on_demand.h"

#include "core/base/log.h"
#include "core/os/errno_posix.h"
#include "core/os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

/* KG_CTL_PATH is fixed when this is compiled: nothing that a host or its environment says can name another program. */
#ifndef KG_ON_DEMAND_MS
#define KG_ON_DEMAND_MS 30000 /* a TLS server's client does not wait longer either */
#endif
#define KILL_WAIT_MS 2000 /* how long a killed process may take to be gone */
#define POLL_MS 20

/* --- may this process? --- */

static bool has_raised_rights(void) {
  return getauxval(AT_SECURE) != 0 || getuid() != geteuid() || getgid() != getegid();
}

static const char *last_part(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}

/* keyguardctl loads token libraries, and what these load may come back to us: it must not start itself. */
static bool is_keyguardctl(void) {
  const char *self = (const char *)(uintptr_t)getauxval(AT_EXECFN);
  return self != NULL && strcmp(last_part(self), last_part(KG_CTL_PATH)) == 0;
}

static enum kg_status check(struct kg_error *error) {
  if (has_raised_rights())
    return kg_error_set(error, KG_E_ACCESS, "a program with raised rights does not start keyguardctl");
  if (is_keyguardctl()) return kg_error_set(error, KG_E_ACCESS, "keyguardctl does not start itself");
  return kg_file_check(KG_CTL_PATH, KG_TRUST_OWNER, error);
}

/* --- start --- */

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34)
static int close_inherited(posix_spawn_file_actions_t *actions) {
  return posix_spawn_file_actions_addclosefrom_np(actions, STDERR_FILENO + 1);
}
#else
#define DESCRIPTORS_MAX 65536
/* What is open now. A descriptor that another thread opens without close-on-exec after this look is inherited. */
static int close_inherited(posix_spawn_file_actions_t *actions) {
  long limit = sysconf(_SC_OPEN_MAX);
  int failed = 0;
  if (limit < 0 || limit > DESCRIPTORS_MAX) limit = DESCRIPTORS_MAX;
  for (int fd = STDERR_FILENO + 1; fd < limit && !failed; fd++)
    if (fcntl(fd, F_GETFD) >= 0) failed = posix_spawn_file_actions_addclose(actions, fd);
  return failed;
}
#endif

static int set_descriptors(posix_spawn_file_actions_t *actions) {
  int failed = close_inherited(actions);
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && !failed; fd++)
    failed = posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_RDWR, 0);
  return failed;
}

/* Signals as in a fresh process, and a process group of its own, so that all of it can be ended. */
static int set_attributes(posix_spawnattr_t *attributes) {
  sigset_t signals;
  int failed =
      posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  sigemptyset(&signals);
  if (!failed) failed = posix_spawnattr_setsigmask(attributes, &signals);
  sigfillset(&signals);
  sigdelset(&signals, SIGKILL);
  sigdelset(&signals, SIGSTOP);
  if (!failed) failed = posix_spawnattr_setsigdefault(attributes, &signals);
  return failed ? failed : posix_spawnattr_setpgroup(attributes, 0);
}

static int spawn(char *const arguments[], char *const environment[], pid_t *child) {
  posix_spawn_file_actions_t actions;
  int failed = posix_spawn_file_actions_init(&actions);
  if (failed) return failed;
  posix_spawnattr_t attributes;
  failed = posix_spawnattr_init(&attributes);
  if (!failed) {
    failed = set_descriptors(&actions);
    if (!failed) failed = set_attributes(&attributes);
    if (!failed) failed = posix_spawn(child, KG_CTL_PATH, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_destroy(&actions);
  return failed;
}

static char *variable(const char *name, const char *value) {
  size_t size = strlen(name) + strlen(value) + 2;
  char *text = malloc(size);
  if (text != NULL) (void)snprintf(text, size, "%s=%s", name, value);
  return text;
}

static enum kg_status start(const struct kg_on_demand *on_demand, pid_t *child, struct kg_error *error) {
  static char name[] = "keyguardctl", provision[] = "provision", path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
              locale[] = "LC_ALL=C.UTF-8";
  char *identity = kg_strdup(on_demand->identity), *config = variable("KEYGUARD_CONF", on_demand->config);
  char *const arguments[] = {name, provision, identity, NULL}, *const environment[] = {path, locale, config, NULL};
  int failed = ENOMEM;
  if (identity != NULL && config != NULL) failed = spawn(arguments, environment, child);
  free(identity);
  free(config);
  return failed ? kg_errno_report(failed, "start", KG_CTL_PATH, error) : KG_OK;
}

/* --- wait --- */

/* Whoever reaps it, it has ended: we, a thread or handler of the host, or the kernel where SIGCHLD is ignored. */
static bool has_ended(pid_t child) {
  pid_t seen = 0;
  do {
    seen = waitpid(child, NULL, WNOHANG);
  } while (seen < 0 && errno == EINTR);
  return seen != 0;
}

static bool ends_within(pid_t child, const struct kg_clock *clock, int64_t milliseconds) {
  int64_t deadline = clock->elapsed_ms(clock->context) + milliseconds;
  while (!has_ended(child)) {
    if (clock->elapsed_ms(clock->context) >= deadline) return false;
    clock->sleep_ms(clock->context, POLL_MS);
  }
  return true;
}

static enum kg_status run(const struct kg_on_demand *on_demand, struct kg_error *error) {
  pid_t child = 0;
  enum kg_status status = start(on_demand, &child, error);
  if (status != KG_OK) return status;
  kg_log(KG_LOG_INFO, "identity %s: keyguardctl provision was started", on_demand->identity);
  if (ends_within(child, on_demand->clock, KG_ON_DEMAND_MS)) return KG_OK;
  kill(-child, SIGKILL);
  (void)ends_within(child, on_demand->clock, KILL_WAIT_MS);
  return kg_error_set(error, KG_E_TIMEOUT, "keyguardctl provision took longer than %d seconds and was ended",
                      KG_ON_DEMAND_MS / 1000);
}

/* A thread that is cancelled in here would leave a child that nobody reaps. */
enum kg_status kg_on_demand_run(const struct kg_on_demand *on_demand, struct kg_error *error) {
  int before = PTHREAD_CANCEL_ENABLE, host_errno = errno;
  (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
  enum kg_status status = check(error);
  if (status == KG_OK) status = run(on_demand, error);
  (void)pthread_setcancelstate(before, &before);
  errno = host_errno;
  return status;
}
