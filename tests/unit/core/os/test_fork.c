#include "core/os/fork.h"

#include "tests/support/unit.h"

#include <sys/wait.h>
#include <unistd.h>

/* What a child answers: the exit code of `child`. */
static int in_child(int (*child)(void)) {
  pid_t pid = fork();
  if (pid == 0) _exit(child());
  assert_true(pid > 0);
  int status = -1;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static int forks(void) {
  return (int)kg_fork_count();
}

static int grandchild(void) {
  return kg_fork_count() == 1 ? in_child(forks) : 100;
}

static int watch_and_fork(void) {
  kg_fork_watch();
  return in_child(forks);
}

static int fork_and_count(void) {
  pid_t pid = fork();
  if (pid == 0) _exit(0);
  waitpid(pid, NULL, 0);
  return (int)kg_fork_count();
}

static void nothing_is_counted_before_watching(void **state) {
  (void)state;
  assert_int_equal(kg_fork_count(), 0);
  assert_int_equal(in_child(forks), 0);
}

static void each_child_counts_one_more(void **state) {
  (void)state;
  kg_fork_watch();
  assert_int_equal(in_child(forks), 1);
  assert_int_equal(in_child(forks), 1);
  assert_int_equal(in_child(grandchild), 2);
  assert_int_equal(kg_fork_count(), 0);
}

static void watching_again_counts_no_child_twice(void **state) {
  (void)state;
  for (int i = 0; i < 100; i++)
    kg_fork_watch();
  assert_int_equal(in_child(forks), 1);
  assert_int_equal(in_child(watch_and_fork), 2);
}

static void a_parent_is_not_changed_by_its_children(void **state) {
  (void)state;
  assert_int_equal(fork_and_count(), 0);
  assert_int_equal(in_child(fork_and_count), 1);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/fork/nothing_is_counted_before_watching", nothing_is_counted_before_watching),
      CASE("/fork/each_child_counts_one_more", each_child_counts_one_more),
      CASE("/fork/watching_again_counts_no_child_twice", watching_again_counts_no_child_twice),
      CASE("/fork/a_parent_is_not_changed_by_its_children", a_parent_is_not_changed_by_its_children),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
