#include "ctl/subprocess.h"

#include "core/base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define POLL_MS 20

/* Not its path: that may name a newer release by now. */
static const char self[] = "/proc/self/exe";

static int64_t now_ms(void) {
  const struct kg_clock *clock = kg_clock_system();
  return clock->elapsed_ms(clock->context);
}

static enum kg_status spawn(char *const *argv, int output, pid_t *child, struct kg_error *error) {
  posix_spawn_file_actions_t actions;
  int number = posix_spawn_file_actions_init(&actions);
  if (number != 0) return kg_error_no_memory(error, "to run %s", argv[0]);
  if (output >= 0) number = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  if (number == 0) number = posix_spawn(child, self, &actions, NULL, argv, environ);
  (void)posix_spawn_file_actions_destroy(&actions);
  if (number == 0) return KG_OK;
  return kg_error_set_code(error, KG_E_IO, number, "cannot run %s once more: %s", argv[0], strerror(number));
}

/* Until its end of the pipe is closed, by itself or by the system; what is too much is read and dropped. */
static bool receive(int from, int64_t end_ms, struct kg_buf *output) {
  char block[4096];
  for (;;) {
    int64_t left = end_ms - now_ms();
    struct pollfd waiting = {.fd = from, .events = POLLIN};
    int ready = left > 0 ? poll(&waiting, 1, (int)(left < 1000 ? left : 1000)) : 0;
    if (ready < 0 && errno != EINTR) return false;
    if (left <= 0) return false;
    if (ready <= 0) continue;
    ssize_t length = read(from, block, sizeof block);
    if (length == 0) return true;
    if (length > 0 && output->len + (size_t)length <= KG_SUBPROCESS_OUTPUT_MAX)
      (void)(kg_buf_append(output, kg_span_of(block, (size_t)length)) == KG_OK); /* what is cut is not JSON */
    if (length < 0 && errno != EINTR && errno != EAGAIN) return false;
  }
}

static bool reap(pid_t child, int64_t end_ms, int *status) {
  const struct kg_clock *clock = kg_clock_system();
  for (;;) {
    pid_t reaped = waitpid(child, status, WNOHANG);
    if (reaped == child) return true;
    if ((reaped < 0 && errno != EINTR) || now_ms() >= end_ms) return false;
    clock->sleep_ms(clock->context, POLL_MS);
  }
}

static enum kg_status await(pid_t child, int64_t limit_ms, int from, struct kg_buf *output, int *status,
                            struct kg_error *error) {
  int64_t end_ms = now_ms() + limit_ms;
  bool over = (from < 0 || receive(from, end_ms, output)) && reap(child, end_ms, status);
  if (over) return KG_OK;
  (void)kill(child, SIGKILL);
  (void)reap(child, now_ms() + 2000, status);
  return kg_error_set(error, KG_E_TIMEOUT, "it was not over after %lld s and was ended", (long long)(limit_ms / 1000));
}

static enum kg_status run(char *const *argv, int64_t limit_ms, const int ends[2], struct kg_buf *output, int *status,
                          struct kg_error *error) {
  pid_t child = 0;
  enum kg_status spawned = spawn(argv, ends[1], &child, error);
  if (ends[1] >= 0) close(ends[1]); /* or the pipe would have no end */
  if (spawned != KG_OK) return spawned;
  return await(child, limit_ms, ends[0], output, status, error);
}

enum kg_status kg_subprocess_run(char *const *argv, int64_t limit_ms, struct kg_buf *output, int *exit_code,
                                 struct kg_error *error) {
  int ends[2] = {-1, -1};
  if (output != NULL && pipe(ends) != 0)
    return kg_error_set_code(error, KG_E_IO, errno, "no pipe for %s: %s", argv[0], strerror(errno));
  if (output != NULL) (void)(fcntl(ends[0], F_SETFD, FD_CLOEXEC) | fcntl(ends[1], F_SETFD, FD_CLOEXEC));
  int status = 0;
  enum kg_status ran = run(argv, limit_ms, ends, output, &status, error);
  if (ends[0] >= 0) close(ends[0]);
  if (ran != KG_OK) return ran;
  *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  if (WIFEXITED(status)) return KG_OK;
  return kg_error_set_code(error, KG_E_BUG, WTERMSIG(status),
                           "it was ended by signal %d, in a library of its key store or of its plugin, most likely",
                           WTERMSIG(status));
}
