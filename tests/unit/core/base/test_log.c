#include "core/base/log.h"

#include "tests/support/scratch.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct captured {
  int count;
  enum kg_log_level level;
  char line[2048];
};

static void capture(void *context, enum kg_log_level level, const char *line) {
  struct captured *captured = context;
  captured->count++;
  captured->level = level;
  snprintf(captured->line, sizeof captured->line, "%s", line);
}

static int quiet(void **state) {
  (void)state;
  kg_log_configure(KG_LOG_OFF, KG_LOG_STDERR);
  kg_log_capture(NULL, NULL);
  return 0;
}

/* What `speak` writes to standard error; free() it. */
static char *stderr_of(void (*speak)(void)) {
  const char *path = scratch_write("stderr", "", 0600);
  int file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC), saved = dup(STDERR_FILENO);
  assert_true(file >= 0 && saved >= 0);
  fflush(stderr);
  assert_true(dup2(file, STDERR_FILENO) >= 0);
  speak();
  assert_true(dup2(saved, STDERR_FILENO) >= 0);
  close(file), close(saved);
  return scratch_read(path);
}

static void speak_at_every_level(void) {
  struct kg_error error = {.status = KG_E_IO, .text = "cannot"};
  for (int level = KG_LOG_OFF; level <= KG_LOG_DEBUG; level++) {
    kg_log((enum kg_log_level)level, "level %d", level);
    kg_log_error((enum kg_log_level)level, &error);
  }
  kg_log_error(KG_LOG_ERROR, NULL);
}

static void nothing_is_said_while_off(void **state) {
  char *text = stderr_of(speak_at_every_level);
  (void)state;
  assert_string_equal(text, "");
  free(text);
}

static void a_level_lets_the_graver_ones_through(void **state) {
  (void)state;
  kg_log_configure(KG_LOG_WARN, KG_LOG_STDERR);
  char *text = stderr_of(speak_at_every_level);
  assert_string_equal(text, "keyguard: error: level 1\nkeyguard: error: MSI_V2_ERROR io_failed: cannot\n"
                            "keyguard: warn: level 2\nkeyguard: warn: MSI_V2_ERROR io_failed: cannot\n");
  free(text);
  assert_true(kg_log_enabled(KG_LOG_ERROR));
  assert_false(kg_log_enabled(KG_LOG_INFO));
  assert_false(kg_log_enabled(KG_LOG_OFF));
}

static void syslog_leaves_stderr_alone(void **state) {
  (void)state;
  kg_log_configure(KG_LOG_DEBUG, KG_LOG_SYSLOG);
  char *text = stderr_of(speak_at_every_level);
  assert_string_equal(text, "");
  free(text);
}

static void hostile_text_stays_on_its_line(void **state) {
  (void)state;
  struct captured captured = {0};
  kg_log_capture(capture, &captured);
  kg_log_configure(KG_LOG_DEBUG, KG_LOG_STDERR);
  kg_log(KG_LOG_INFO, "server said %s",
         "no\nkeyguard: error: forged\r\x1b]0;title\x07\xc2\x9b"
         "1m");
  assert_int_equal(captured.count, 1);
  assert_int_equal(captured.level, KG_LOG_INFO);
  assert_string_equal(captured.line, "server said no?keyguard: error: forged??]0;title???1m");
}

static void long_lines_are_cut_with_dots(void **state) {
  (void)state;
  char text[3000];
  memset(text, 'a', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  struct captured captured = {0};
  kg_log_capture(capture, &captured);
  kg_log_configure(KG_LOG_ERROR, KG_LOG_STDERR);
  kg_log(KG_LOG_ERROR, "%.1023s", text);
  assert_string_equal(captured.line + 1019, "aaaa");
  kg_log(KG_LOG_ERROR, "%.1024s", text);
  assert_string_equal(captured.line + 1019, "a...");
  kg_log(KG_LOG_ERROR, "%s", text);
  assert_int_equal(strlen(captured.line), 1023);
  assert_string_equal(captured.line + 1019, "a...");
}

static void an_error_says_code_and_finer_code(void **state) {
  (void)state;
  struct captured captured = {0};
  kg_log_capture(capture, &captured);
  kg_log_configure(KG_LOG_ERROR, KG_LOG_STDERR);
  struct kg_error error = {0};
  kg_error_set(&error, KG_E_KEYGUARD_UNAVAILABLE, "identity 'web': software is below keyguard");
  kg_log_error(KG_LOG_ERROR, &error);
  assert_string_equal(captured.line, "MSI_V2_KEYGUARD_UNAVAILABLE min_strength_not_met: identity 'web': software is "
                                     "below keyguard");
  kg_error_set(&error, KG_E_TOKEN_REJECTED, "no");
  strcpy(error.sub_code, "invalid_client");
  kg_log_error(KG_LOG_ERROR, &error);
  assert_string_equal(captured.line, "MSI_V2_ERROR invalid_client: no");
}

static void errno_survives(void **state) {
  (void)state;
  kg_log_configure(KG_LOG_ERROR, KG_LOG_STDERR);
  struct captured captured = {0};
  kg_log_capture(capture, &captured);
  errno = ENOSPC;
  kg_log(KG_LOG_ERROR, "%d", 1);
  assert_int_equal(errno, ENOSPC);
}

#define THREADS 4
#define LINES 200

static void *chatter(void *argument) {
  for (int i = 0; i < LINES; i++)
    kg_log(KG_LOG_INFO, "thread %c says line %03d", *(const char *)argument, i);
  return NULL;
}

static void speak_from_many_threads(void) {
  static const char names[THREADS + 1] = "abcd";
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, chatter, (void *)(uintptr_t)&names[i]), 0);
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_join(threads[i], NULL), 0);
}

static void lines_of_many_threads_stay_whole(void **state) {
  (void)state;
  kg_log_configure(KG_LOG_INFO, KG_LOG_STDERR);
  char *text = stderr_of(speak_from_many_threads);
  int count = 0, number = 0;
  char *rest = NULL, name;
  for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest), count++) {
    assert_int_equal(strlen(line), strlen("keyguard: info: thread a says line 000"));
    assert_int_equal(sscanf(line, "keyguard: info: thread %c says line %d", &name, &number), 2);
  }
  assert_int_equal(count, THREADS * LINES);
  free(text);
}

static void levels_have_names(void **state) {
  static const char *const names[] = {"off", "error", "warn", "info", "debug"};
  (void)state;
  enum kg_log_level level = KG_LOG_OFF;
  for (size_t i = 0; i < COUNT(names); i++) {
    assert_string_equal(kg_log_level_name((enum kg_log_level)i), names[i]);
    assert_int_equal(kg_log_level_parse(names[i], &level), KG_OK);
    assert_int_equal(level, i);
  }
  assert_string_equal(kg_log_level_name((enum kg_log_level)COUNT(names)), "off");
  assert_int_equal(kg_log_level_parse("Debug", &level), KG_E_USAGE);
  assert_int_equal(kg_log_level_parse("", &level), KG_E_USAGE);
  assert_int_equal(kg_log_level_parse(NULL, &level), KG_E_USAGE);
  assert_int_equal(level, KG_LOG_DEBUG);
}

static void identifiers_are_masked(void **state) {
  static const struct {
    const char *identifier, *masked;
  } cases[] = {
      {"11111111-2222-3333-4444-555566667777", "...66667777(36)"},
      {"123456789", "...23456789(9)"},
      {"12345678", "(8)"},
      {"1", "(1)"},
      {"", "(0)"},
      {NULL, "(0)"},
  };
  char small[5] = "xxxx";
  (void)state;
  char out[32];
  for (size_t i = 0; i < COUNT(cases); i++) {
    kg_log_mask(cases[i].identifier, out, sizeof out);
    assert_string_equal(out, cases[i].masked);
  }
  kg_log_mask("123456789", small, sizeof small);
  assert_string_equal(small, "...2");
  kg_log_mask("123456789", small, 0);
  assert_string_equal(small, "...2");
}

#define QUIET_CASE(path, function)                                                                                     \
  { path, function, quiet, quiet, NULL }

int main(void) {
  static const struct CMUnitTest cases[] = {
      QUIET_CASE("/log/nothing_is_said_while_off", nothing_is_said_while_off),
      QUIET_CASE("/log/a_level_lets_the_graver_ones_through", a_level_lets_the_graver_ones_through),
      QUIET_CASE("/log/syslog_leaves_stderr_alone", syslog_leaves_stderr_alone),
      QUIET_CASE("/log/hostile_text_stays_on_its_line", hostile_text_stays_on_its_line),
      QUIET_CASE("/log/long_lines_are_cut_with_dots", long_lines_are_cut_with_dots),
      QUIET_CASE("/log/an_error_says_code_and_finer_code", an_error_says_code_and_finer_code),
      QUIET_CASE("/log/errno_survives", errno_survives),
      QUIET_CASE("/log/lines_of_many_threads_stay_whole", lines_of_many_threads_stay_whole),
      CASE("/log/levels_have_names", levels_have_names),
      CASE("/log/identifiers_are_masked", identifiers_are_masked),
  };
  return cmocka_run_group_tests(cases, scratch_setup, scratch_teardown);
}
