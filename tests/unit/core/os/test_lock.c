#define _GNU_SOURCE /* pipe2 */
#include "core/os/lock.h"

#include "tests/support/scratch.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Time passes only while somebody sleeps. */
struct virtual_time {
  int64_t now;
  int sleeps;
};

static int64_t virtual_elapsed(void *context) {
  return ((struct virtual_time *)context)->now;
}

static void virtual_sleep(void *context, int64_t milliseconds) {
  struct virtual_time *time = context;
  assert_true(milliseconds > 0 && milliseconds <= 50);
  time->now += milliseconds;
  time->sleeps++;
}

static struct kg_clock virtual_clock(struct virtual_time *time) {
  struct kg_clock clock = {time, virtual_elapsed, virtual_elapsed, virtual_sleep};
  return clock;
}

static enum kg_status acquire(const char *path, int64_t timeout_ms, struct kg_lock **lock, struct kg_error *error) {
  struct virtual_time time = {1000, 0};
  struct kg_clock clock = virtual_clock(&time);
  return kg_lock_acquire(path, timeout_ms, &clock, lock, error);
}

/* A child that takes the lock, says so, and keeps it until it is killed. */
static pid_t start_holder(const char *path) {
  int ready[2];
  assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    close(ready[0]);
    struct kg_lock *lock = NULL;
    if (acquire(path, 0, &lock, NULL) != KG_OK || write(ready[1], "x", 1) != 1) _exit(1);
    for (;;)
      pause();
  }
  close(ready[1]);
  char byte = 0;
  assert_int_equal(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  return child;
}

static void end_holder(pid_t child) {
  assert_int_equal(kill(child, SIGKILL), 0);
  assert_int_equal(waitpid(child, NULL, 0), child);
}

static void assert_busy_naming(const char *path, pid_t holder) {
  struct kg_error error = {0};
  struct kg_lock *lock = NULL;
  assert_int_equal(acquire(path, 0, &lock, &error), KG_E_LOCK_BUSY);
  assert_null(lock);
  assert_int_equal(error.status, KG_E_LOCK_BUSY);
  char expected[256];
  snprintf(expected, sizeof expected, "'%s' is locked by process %ld", path, (long)holder);
  assert_string_equal(error.text, expected);
}

static void taken_and_given_back_many_times(void **state) {
  const char *path = scratch_path("again.lock");
  (void)state;
  struct kg_lock *lock = NULL;
  for (int i = 0; i < 100; i++) {
    assert_int_equal(acquire(path, 0, &lock, NULL), KG_OK);
    assert_non_null(lock);
    kg_lock_release(&lock);
    assert_null(lock);
  }
  kg_lock_release(&lock);
  kg_lock_release(NULL);
  struct stat stat_;
  assert_int_equal(stat(path, &stat_), 0);
  assert_int_equal(stat_.st_mode & 07777, 0600);
}

static void second_taker_in_one_process_is_refused(void **state) {
  const char *path = scratch_path("same.lock");
  (void)state;
  struct kg_lock *lock = NULL;
  assert_int_equal(acquire(path, 0, &lock, NULL), KG_OK);
  assert_busy_naming(path, getpid());
  kg_lock_release(&lock);
  assert_int_equal(acquire(path, 0, &lock, NULL), KG_OK);
  kg_lock_release(&lock);
}

static void busy_names_the_holder(void **state) {
  const char *path = scratch_path("two.lock");
  pid_t holder = start_holder(path);
  (void)state;
  assert_busy_naming(path, holder);
  end_holder(holder);
}

static void killed_holder_leaves_it_free(void **state) {
  const char *path = scratch_path("killed.lock");
  pid_t holder = start_holder(path);
  (void)state;
  end_holder(holder);
  struct kg_lock *lock = NULL;
  assert_int_equal(acquire(path, 0, &lock, NULL), KG_OK);
  kg_lock_release(&lock);
}

static void stopped_holder_keeps_it_and_is_named(void **state) {
  const char *path = scratch_path("stopped.lock");
  pid_t holder = start_holder(path);
  (void)state;
  assert_int_equal(kill(holder, SIGSTOP), 0);
  int status = 0;
  assert_int_equal(waitpid(holder, &status, WUNTRACED), holder);
  assert_true(WIFSTOPPED(status));
  assert_busy_naming(path, holder);
  end_holder(holder);
}

static void waits_exactly_as_long_as_told(void **state) {
  static const int64_t timeouts[] = {0, 1, 49, 50, 51, 1234, 60000};
  const char *path = scratch_path("wait.lock");
  pid_t holder = start_holder(path);
  (void)state;
  for (size_t i = 0; i < COUNT(timeouts); i++) {
    struct virtual_time time = {5, 0};
    struct kg_clock clock = virtual_clock(&time);
    struct kg_lock *lock = NULL;
    assert_int_equal(kg_lock_acquire(path, timeouts[i], &clock, &lock, NULL), KG_E_LOCK_BUSY);
    assert_int_equal(time.now - 5, timeouts[i]);
    assert_int_equal(time.sleeps, (timeouts[i] + 49) / 50);
  }
  end_holder(holder);
}

struct killing_time {
  struct virtual_time time;
  pid_t holder;
};

static void sleep_and_kill(void *context, int64_t milliseconds) {
  struct killing_time *killing = context;
  virtual_sleep(&killing->time, milliseconds);
  if (killing->time.sleeps == 3) end_holder(killing->holder);
}

static void waiter_gets_it_when_the_holder_ends(void **state) {
  const char *path = scratch_path("inherit.lock");
  struct killing_time killing = {{0, 0}, start_holder(path)};
  struct kg_clock clock = {&killing, virtual_elapsed, virtual_elapsed, sleep_and_kill};
  (void)state;
  struct kg_lock *lock = NULL;
  assert_int_equal(kg_lock_acquire(path, 60000, &clock, &lock, NULL), KG_OK);
  assert_int_equal(killing.time.sleeps, 3);
  kg_lock_release(&lock);
}

static void program_started_meanwhile_does_not_hold_it(void **state) {
  const char *path = scratch_path("exec.lock");
  (void)state;
  int input[2];
  assert_int_equal(pipe(input), 0);
  struct kg_lock *lock = NULL;
  assert_int_equal(acquire(path, 0, &lock, NULL), KG_OK);
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    dup2(input[0], STDIN_FILENO);
    close(input[0]), close(input[1]);
    execlp("cat", "cat", (char *)NULL);
    _exit(127);
  }
  close(input[0]);
  assert_int_equal(write(input[1], "", 0), 0);
  kg_lock_release(&lock);
  /* Until it has become cat, the child does have a copy; so wait, in real time, but never for long. */
  assert_int_equal(kg_lock_acquire(path, 20000, kg_clock_system(), &lock, NULL), KG_OK);
  assert_int_equal(waitpid(child, NULL, WNOHANG), 0);
  kg_lock_release(&lock);
  close(input[1]);
  assert_int_equal(waitpid(child, NULL, 0), child);
}

static void holder_without_a_number_is_another_process(void **state) {
  const char *path = scratch_path("nameless.lock");
  (void)state;
  struct kg_lock *lock = NULL;
  assert_int_equal(acquire(path, 0, &lock, NULL), KG_OK);
  assert_int_equal(truncate(path, 0), 0);
  struct kg_lock *second = NULL;
  struct kg_error error = {0};
  assert_int_equal(acquire(path, 0, &second, &error), KG_E_LOCK_BUSY);
  char expected[256];
  snprintf(expected, sizeof expected, "'%s' is locked by another process", path);
  assert_string_equal(error.text, expected);
  kg_lock_release(&lock);
}

static void links_pipes_and_folders_are_refused(void **state) {
  const char *fifo = scratch_path("fifo.lock"), *link = scratch_path("link.lock"),
             *folder = scratch_mkdir("d.lock", 0755);
  (void)state;
  assert_int_equal(mkfifo(fifo, 0600), 0);
  assert_int_equal(symlink(scratch_path("elsewhere"), link), 0);
  struct kg_error error = {0};
  struct kg_lock *lock = NULL;
  assert_int_equal(acquire(fifo, 0, &lock, &error), KG_E_UNTRUSTED);
  assert_non_null(strstr(error.text, fifo));
  assert_int_equal(acquire(link, 0, &lock, &error), KG_E_IO);
  assert_non_null(strstr(error.text, link));
  assert_int_equal(access(scratch_path("elsewhere"), F_OK), -1);
  assert_int_equal(acquire(folder, 0, &lock, &error), KG_E_IO);
  assert_null(lock);
}

static void missing_folder_is_named(void **state) {
  (void)state;
  struct kg_error error = {0};
  struct kg_lock *lock = NULL;
  assert_int_equal(acquire(scratch_path("no/such.lock"), 0, &lock, &error), KG_E_NOT_FOUND);
  assert_non_null(strstr(error.text, "no/such.lock"));
}

static int acquire_as_somebody(const char *path) {
  struct kg_lock *lock = NULL;
  return (int)acquire(path, 0, &lock, NULL);
}

static void others_lock_is_access_denied(void **state) {
  const char *path = scratch_path("root.lock");
  (void)state;
  if (geteuid() != 0) {
    print_message("only root can become somebody else\n");
    skip();
  }
  struct kg_lock *lock = NULL;
  assert_int_equal(acquire(path, 0, &lock, NULL), KG_OK);
  kg_lock_release(&lock);
  assert_int_equal(scratch_as_nobody(acquire_as_somebody, path), KG_E_ACCESS);
}

#define NOBODY 65534

static void need_root(void) {
  if (geteuid() == 0) return;
  print_message("only root can become somebody else\n");
  skip();
}

static uid_t owner_of(const char *path) {
  struct stat found;
  assert_int_equal(stat(path, &found), 0);
  return found.st_uid;
}

static const char *folder_of_nobody(const char *name) {
  const char *folder = scratch_mkdir(name, 0755);
  assert_int_equal(chown(folder, NOBODY, NOBODY), 0);
  return folder;
}

static void lock_belongs_to_the_folders_owner(void **state) {
  static const mode_t masks[] = {077, 0};
  (void)state;
  need_root();
  folder_of_nobody("service");
  for (size_t i = 0; i < COUNT(masks); i++) {
    const char *path = scratch_path(i ? "service/a.lock" : "service/b.lock");
    struct kg_lock *lock = NULL;
    mode_t before = umask(masks[i]);
    assert_int_equal(acquire(path, 0, &lock, NULL), KG_OK);
    umask(before);
    kg_lock_release(&lock);
    assert_int_equal(owner_of(path), NOBODY);
    assert_int_equal(scratch_as_nobody(acquire_as_somebody, path), KG_OK);
    assert_int_equal(acquire(path, 0, &lock, NULL), KG_OK); /* and back */
    kg_lock_release(&lock);
  }
}

static int told_of_roots_lock(const char *path) {
  struct kg_lock *lock = NULL;
  struct kg_error error = {0};
  char chown_it[300];
  snprintf(chown_it, sizeof chown_it, "chown %d '%s'", NOBODY, path);
  return acquire(path, 0, &lock, &error) == KG_E_ACCESS && error.native_code == EACCES &&
         strstr(error.text, "belongs to user 0,") != NULL && strstr(error.text, chown_it) != NULL;
}

static void roots_lock_in_a_services_folder_is_named_and_mended(void **state) {
  (void)state;
  need_root();
  folder_of_nobody("left");
  const char *path = scratch_write("left/old.lock", "4711\n", 0600);
  assert_int_equal(scratch_as_nobody(told_of_roots_lock, path), 1);
  struct kg_lock *lock = NULL;
  assert_int_equal(acquire(path, 0, &lock, NULL), KG_OK);
  kg_lock_release(&lock);
  assert_int_equal(scratch_as_nobody(acquire_as_somebody, path), KG_OK);
}

static int told_of_roots_folder(const char *path) {
  struct kg_lock *lock = NULL;
  struct kg_error error = {0};
  return acquire(path, 0, &lock, &error) == KG_E_ACCESS && error.native_code == EACCES &&
         strstr(error.text, "its folder belongs to user 0, and this is user 65534: run this as that user") != NULL;
}

static void roots_folder_is_named_to_whom_it_is_closed(void **state) {
  (void)state;
  need_root();
  scratch_mkdir("roots", 0755);
  assert_int_equal(scratch_as_nobody(told_of_roots_folder, scratch_path("roots/new.lock")), 1);
}

static void nothing_but_roots_own_lock_is_given_away(void **state) {
  (void)state;
  need_root();
  folder_of_nobody("traps");
  const char *secret = scratch_write("secret", "x", 0600), *linked = scratch_path("traps/linked.lock");
  const char *symbolic = scratch_path("traps/symbolic.lock"), *others = scratch_write("traps/others.lock", "", 0600);
  const char *large = scratch_write("traps/large.lock", "much more than the number of a process", 0600);
  assert_int_equal(link(secret, linked) | symlink(secret, symbolic) | chown(others, 4711, 4711), 0);
  const char *const all[] = {linked, symbolic, others, large};
  struct kg_lock *lock = NULL;
  for (size_t i = 0; i < COUNT(all); i++) {
    assert_int_equal(acquire(all[i], 0, &lock, NULL), all[i] == symbolic ? KG_E_IO : KG_OK);
    kg_lock_release(&lock);
    assert_int_equal(owner_of(all[i]), all[i] == others ? 4711 : 0);
  }
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/lock/taken_and_given_back_many_times", taken_and_given_back_many_times),
      CASE("/lock/second_taker_in_one_process_is_refused", second_taker_in_one_process_is_refused),
      CASE("/lock/busy_names_the_holder", busy_names_the_holder),
      CASE("/lock/killed_holder_leaves_it_free", killed_holder_leaves_it_free),
      CASE("/lock/stopped_holder_keeps_it_and_is_named", stopped_holder_keeps_it_and_is_named),
      CASE("/lock/waits_exactly_as_long_as_told", waits_exactly_as_long_as_told),
      CASE("/lock/waiter_gets_it_when_the_holder_ends", waiter_gets_it_when_the_holder_ends),
      CASE("/lock/program_started_meanwhile_does_not_hold_it", program_started_meanwhile_does_not_hold_it),
      CASE("/lock/holder_without_a_number_is_another_process", holder_without_a_number_is_another_process),
      CASE("/lock/links_pipes_and_folders_are_refused", links_pipes_and_folders_are_refused),
      CASE("/lock/missing_folder_is_named", missing_folder_is_named),
      CASE("/lock/others_lock_is_access_denied", others_lock_is_access_denied),
      CASE("/lock/lock_belongs_to_the_folders_owner", lock_belongs_to_the_folders_owner),
      CASE("/lock/roots_lock_in_a_services_folder_is_named_and_mended",
           roots_lock_in_a_services_folder_is_named_and_mended),
      CASE("/lock/roots_folder_is_named_to_whom_it_is_closed", roots_folder_is_named_to_whom_it_is_closed),
      CASE("/lock/nothing_but_roots_own_lock_is_given_away", nothing_but_roots_own_lock_is_given_away),
  };
  return cmocka_run_group_tests(cases, scratch_setup, scratch_teardown);
}
