#include "ctl/alarm.h"

#include "tests/support/unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The linker leads core's own call here (--wrap). */
static bool no_thread;
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument) {
  return no_thread ? 11 : __real_pthread_create(thread, attributes, run, argument);
}

static void nap(long milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  while (nanosleep(&time, &time) != 0)
    continue;
}

static void end_process(void *context) {
  _exit(*(int *)context);
}

static void end_slowly(void *context) {
  nap(200);
  end_process(context);
}

static int exit_of(pid_t child) {
  int status = -1;
  assert_int_equal(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void rings_while_the_other_thread_is_stuck(void **state) {
  (void)state;
  pid_t child = fork();
  if (child == 0) {
    int code = 7;
    struct kg_alarm *alarm = NULL;
    if (kg_alarm_start(1, end_process, &code, &alarm, NULL) != KG_OK) _exit(1);
    for (;;)
      pause();
  }
  assert_int_equal(exit_of(child), 7);
}

static void nobody_comes_back_from_stopping_one_that_rings(void **state) {
  (void)state;
  pid_t child = fork();
  if (child == 0) {
    int code = 9;
    struct kg_alarm *alarm = NULL;
    if (kg_alarm_start(0, end_slowly, &code, &alarm, NULL) != KG_OK) _exit(1);
    nap(100);
    kg_alarm_stop(&alarm);
    _exit(2);
  }
  assert_int_equal(exit_of(child), 9);
}

static atomic_int rung;

static void note(void *context) {
  (void)context;
  atomic_fetch_add(&rung, 1);
}

static void stopped_ones_are_silent(void **state) {
  (void)state;
  for (int i = 0; i < 200; i++) {
    struct kg_alarm *alarm = NULL;
    assert_int_equal(kg_alarm_start(60000 + i, note, NULL, &alarm, NULL), KG_OK);
    kg_alarm_stop(&alarm);
    assert_null(alarm);
    kg_alarm_stop(&alarm);
  }
  assert_int_equal(atomic_load(&rung), 0);
}

static void without_a_thread_there_is_none(void **state) {
  (void)state;
  no_thread = true;
  struct kg_alarm *alarm = NULL;
  struct kg_error error = {0};
  assert_int_equal(kg_alarm_start(1, note, NULL, &alarm, &error), KG_E_NO_MEMORY);
  no_thread = false;
  assert_null(alarm);
  assert_int_equal(atomic_load(&rung), 0);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/alarm/rings_while_the_other_thread_is_stuck", rings_while_the_other_thread_is_stuck),
      CASE("/alarm/nobody_comes_back_from_stopping_one_that_rings", nobody_comes_back_from_stopping_one_that_rings),
      CASE("/alarm/stopped_ones_are_silent", stopped_ones_are_silent),
      CASE("/alarm/without_a_thread_there_is_none", without_a_thread_there_is_none),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
