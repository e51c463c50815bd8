/* prctl and its names are Linux's */
#define _GNU_SOURCE
#include "emulator.h"
#include "environment.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static int wake_pipe[2];

static void on_signal(int number) {
  int saved = errno;
  char byte = (char)number;
  ssize_t ignored = write(wake_pipe[1], &byte, 1);
  (void)ignored;
  errno = saved;
}

static bool prepare_signals(void) {
  struct sigaction stop = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
  if (pipe(wake_pipe) != 0) return false;
  return sigaction(SIGTERM, &stop, NULL) == 0 && sigaction(SIGINT, &stop, NULL) == 0 &&
         sigaction(SIGPIPE, &ignore, NULL) == 0;
}

static void follow_parent(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) raise(SIGTERM); /* it went before we asked */
}

/* Only a pipe tells that its other end is gone; a background job's /dev/null ends at once and says nothing. */
static bool is_pipe(int descriptor) {
  struct stat facts;
  return fstat(descriptor, &facts) == 0 && (S_ISFIFO(facts.st_mode) || S_ISSOCK(facts.st_mode));
}

static bool input_ended(const struct pollfd *input) {
  if (!(input->revents & (POLLIN | POLLHUP | POLLERR))) return false;
  char buffer[256];
  return read(input->fd, buffer, sizeof buffer) <= 0;
}

static void wait_for_end(bool watch_input) {
  struct pollfd watched[2] = {{.fd = wake_pipe[0], .events = POLLIN},
                              {.fd = watch_input ? STDIN_FILENO : -1, .events = POLLIN}};
  for (;;) {
    int count = poll(watched, 2, -1);
    if (count < 0 && errno != EINTR) return;
    if (count > 0 && (watched[0].revents || input_ended(&watched[1]))) return;
  }
}

static void report_ready(const struct az_emulator *emulator) {
  const char *url = az_emulator_get_origin(emulator, AZ_ON_METADATA);
  printf("ready pid=%ld url=%s env=%s/emulator.env\n", (long)getpid(), url, emulator->options->directory);
  fflush(stdout);
  if (emulator->options->ready_fd < 0) return;
  dprintf(emulator->options->ready_fd, "ready pid=%ld url=%s env=%s/emulator.env\n", (long)getpid(), url,
          emulator->options->directory);
  if (emulator->options->ready_fd > STDERR_FILENO) close(emulator->options->ready_fd);
}

int main(int argc, char **argv) {
  static struct az_emulator emulator;
  struct az_options options;
  pid_t parent = getppid();
  switch (az_options_parse(&options, argc, argv)) {
  case AZ_OPTIONS_DONE:
    return EXIT_SUCCESS;
  case AZ_OPTIONS_BAD:
    return 2;
  case AZ_OPTIONS_RUN:
    break;
  }
  if (!prepare_signals()) {
    perror("azure-emulator");
    return EXIT_FAILURE;
  }
  if (options.exit_with_parent) follow_parent(parent);
  if (!az_emulator_start(&emulator, &options)) return EXIT_FAILURE;
  bool written = az_environment_write(&emulator);
  if (written) {
    report_ready(&emulator);
    wait_for_end(options.exit_with_parent && is_pipe(STDIN_FILENO));
    az_environment_remove(&emulator);
  }
  az_emulator_stop(&emulator);
  return written ? EXIT_SUCCESS : EXIT_FAILURE;
}
