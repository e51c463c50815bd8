#include "pkcs11/refresh.h"

#include "core/base/log.h"
#include "core/state/binding_reader.h"
#include "core/state/binding_writer.h"
#include "sample.h"
#include "tests/support/scratch.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct kg_identity identity;
static struct kg_refresh refresh;
static int log_lines;

static void count_line(void *context, enum kg_log_level level, const char *line) {
  (void)context;
  (void)level;
  (void)line;
  log_lines++;
}

/* What loading fails with, as a system that is out of something makes it; KG_OK: it does not. */
static enum kg_status failing;
static int loads;

enum kg_status __real_kg_binding_load(const char *path, struct kg_binding **out, struct kg_file_id *id,
                                      struct kg_error *error);
enum kg_status __wrap_kg_binding_load(const char *path, struct kg_binding **out, struct kg_file_id *id,
                                      struct kg_error *error);
enum kg_status __wrap_kg_binding_load(const char *path, struct kg_binding **out, struct kg_file_id *id,
                                      struct kg_error *error) {
  loads++;
  *out = NULL;
  if (failing != KG_OK) return kg_error_set(error, failing, "as the test wants it");
  return __real_kg_binding_load(path, out, id, error);
}

static int begin(void **state) {
  (void)state;
  failing = KG_OK;
  loads = 0;
  identity = sample_identity("web");
  sample_wall = SAMPLE_NOW + 60;
  sample_elapsed_ms = 1000000;
  log_lines = 0;
  kg_log_configure(KG_LOG_DEBUG, KG_LOG_STDERR);
  kg_log_capture(count_line, NULL);
  unlink(scratch_path("web.json"));
  return kg_refresh_init(&refresh, &identity, scratch_folder(), &sample_clock) == KG_OK ? 0 : -1;
}

static int end(void **state) {
  (void)state;
  kg_log_capture(NULL, NULL);
  kg_refresh_clear(&refresh);
  kg_refresh_clear(&refresh);
  return 0;
}

static void put(unsigned char key, unsigned char serial) {
  struct kg_binding *binding = sample_binding("web", key, serial);
  struct kg_error error = {0};
  if (kg_binding_store(scratch_path("web.json"), binding, &error) != KG_OK) fail_msg("%s", error.text);
  kg_binding_free(&binding);
}

/* Serial of what a new session would see; 0: no token. */
static int look(void) {
  struct kg_generation *generation = kg_refresh_look(&refresh);
  int serial = generation != NULL ? generation->binding->leaf.serial.data[2] : 0;
  kg_generation_unref(&generation);
  return serial;
}

static void a_second_later(void) {
  sample_elapsed_ms += 1000;
}

static void a_token_appears_without_initialising_again(void **state) {
  (void)state;
  assert_int_equal(look(), 0);
  put(1, 1);
  a_second_later();
  assert_int_equal(look(), 1);
}

static void the_file_is_looked_at_once_a_second(void **state) {
  (void)state;
  put(1, 1);
  assert_int_equal(look(), 1);
  put(1, 2);
  sample_elapsed_ms += 999;
  assert_int_equal(look(), 1);
  sample_elapsed_ms += 1;
  assert_int_equal(look(), 2);
}

static void a_look_can_be_had_at_once(void **state) {
  (void)state;
  assert_int_equal(look(), 0);
  put(1, 1);
  struct kg_generation *generation = kg_refresh_look_again(&refresh);
  assert_non_null(generation);
  kg_generation_unref(&generation);
  assert_int_equal(look(), 1);
}

static void a_clock_that_goes_back_does_not_stop_us(void **state) {
  (void)state;
  put(1, 1);
  assert_int_equal(look(), 1);
  put(1, 2);
  sample_elapsed_ms = 5;
  assert_int_equal(look(), 2);
}

static void an_unchanged_file_is_not_read_again(void **state) {
  (void)state;
  put(1, 1);
  struct kg_generation *first = kg_refresh_look(&refresh);
  a_second_later();
  struct kg_generation *second = kg_refresh_look(&refresh);
  assert_ptr_equal(first, second);
  kg_generation_unref(&first);
  kg_generation_unref(&second);
}

static void a_damaged_file_changes_nothing_and_is_told_once(void **state) {
  (void)state;
  put(1, 1);
  assert_int_equal(look(), 1);
  scratch_write("web.json", "{\"version\":1, trunca", 0644);
  a_second_later();
  assert_int_equal(look(), 1);
  int lines = log_lines;
  assert_int_equal(lines, 1);
  a_second_later();
  assert_int_equal(look(), 1);
  assert_int_equal(log_lines, lines);
  put(1, 2);
  a_second_later();
  assert_int_equal(look(), 2);
}

static void a_removed_file_takes_the_token_away(void **state) {
  (void)state;
  put(1, 1);
  assert_int_equal(look(), 1);
  unlink(scratch_path("web.json"));
  a_second_later();
  assert_int_equal(look(), 0);
  put(1, 2);
  a_second_later();
  assert_int_equal(look(), 2);
}

static void a_binding_of_another_identity_is_not_shown(void **state) {
  struct kg_binding *binding = sample_binding("other", 1, 5);
  (void)state;
  put(1, 1);
  assert_int_equal(look(), 1);
  struct kg_error error;
  assert_int_equal(kg_binding_store(scratch_path("web.json"), binding, &error), KG_OK);
  kg_binding_free(&binding);
  a_second_later();
  assert_int_equal(look(), 0);
  put(1, 3);
  a_second_later();
  assert_int_equal(look(), 3);
}

/* None of these says anything of the contents. */
static const enum kg_status passing[] = {KG_E_IO, KG_E_NO_MEMORY, KG_E_ACCESS, KG_E_UNTRUSTED, KG_E_NOT_FOUND};

static void what_could_not_be_read_is_looked_at_again(void **state) {
  (void)state;
  put(1, 1);
  for (size_t i = 0; i < COUNT(passing); i++) {
    kg_refresh_clear(&refresh);
    assert_int_equal(kg_refresh_init(&refresh, &identity, scratch_folder(), &sample_clock), KG_OK);
    failing = passing[i];
    assert_int_equal(look(), 0);
    int first = loads;
    sample_elapsed_ms += 999;
    assert_int_equal(look(), 0);
    assert_int_equal(loads, first);
    sample_elapsed_ms += 1;
    assert_int_equal(look(), 0);
    failing = KG_OK;
    a_second_later();
    assert_int_equal(look(), 1);
    first = loads;
    a_second_later();
    assert_int_equal(look(), 1);
    assert_int_equal(loads, first);
  }
}

static void a_renewal_that_could_not_be_read_is_not_lost(void **state) {
  (void)state;
  put(1, 1);
  assert_int_equal(look(), 1);
  for (size_t i = 0; i < COUNT(passing); i++) {
    put(1, (unsigned char)(i + 2));
    failing = passing[i];
    a_second_later();
    assert_int_equal(look(), (int)i + 1);
    failing = KG_OK;
    a_second_later();
    assert_int_equal(look(), (int)i + 2);
  }
}

static void a_failure_that_goes_on_is_told_once(void **state) {
  (void)state;
  put(1, 1);
  failing = KG_E_IO;
  for (int i = 0; i < 5; i++) {
    assert_int_equal(look(), 0);
    a_second_later();
  }
  assert_int_equal(log_lines, 1);
  failing = KG_E_ACCESS;
  for (int i = 0; i < 5; i++) {
    assert_int_equal(look(), 0);
    a_second_later();
  }
  assert_int_equal(log_lines, 2);
  failing = KG_OK;
  assert_int_equal(look(), 1);
  put(1, 2);
  failing = KG_E_ACCESS;
  a_second_later();
  assert_int_equal(look(), 1);
  assert_int_equal(log_lines, 3);
}

static void another_damaged_file_is_told_anew(void **state) {
  (void)state;
  put(1, 1);
  assert_int_equal(look(), 1);
  for (int i = 0; i < 3; i++) {
    scratch_write("web.json", i % 2 ? "{\"version\":1, trunca" : "{\"version\":1, tru", 0644);
    a_second_later();
    assert_int_equal(look(), 1);
    assert_int_equal(log_lines, i + 1);
    int first = loads;
    a_second_later();
    assert_int_equal(look(), 1);
    assert_int_equal(loads, first);
  }
}

/* As it happens: the look itself needs no descriptor, the reading does. */
static void out_of_descriptors_passes(void **state) {
  struct rlimit before;
  (void)state;
  put(1, 1);
  assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
  struct rlimit none = {0, before.rlim_max};
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
  int shown = look();
  assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
  assert_int_equal(shown, 0);
  a_second_later();
  assert_int_equal(look(), 1);
}

/* chmod changes neither size nor time of the contents. */
static void rights_that_are_mended_are_seen(void **state) {
  (void)state;
  put(1, 1);
  assert_int_equal(chmod(scratch_path("web.json"), 0666), 0);
  assert_int_equal(look(), 0);
  assert_int_equal(chmod(scratch_path("web.json"), 0644), 0);
  a_second_later();
  assert_int_equal(look(), 1);
}

static void validity_is_judged_by_the_wall_clock(void **state) {
  (void)state;
  put(1, 1);
  assert_int_equal(look(), 1);
  sample_wall = SAMPLE_NOW + 7 * 86400;
  a_second_later();
  assert_int_equal(look(), 0);
  sample_wall = SAMPLE_NOW - 301;
  a_second_later();
  assert_int_equal(look(), 0);
  sample_wall = SAMPLE_NOW - 299;
  a_second_later();
  assert_int_equal(look(), 1);
}

static void a_folder_that_never_answers_is_not_waited_for(void **state) {
  (void)state;
  assert_int_equal(mkfifo(scratch_path("web.json"), 0644), 0);
  assert_int_equal(look(), 0);
}

static void a_symlink_is_followed_when_it_flips(void **state) {
  (void)state;
  put(1, 1);
  assert_int_equal(rename(scratch_path("web.json"), scratch_path("a.json")), 0);
  put(1, 2);
  assert_int_equal(rename(scratch_path("web.json"), scratch_path("b.json")), 0);
  assert_int_equal(symlink("a.json", scratch_path("web.json")), 0);
  assert_int_equal(look(), 1);
  assert_int_equal(symlink("b.json", scratch_path("next")), 0);
  assert_int_equal(rename(scratch_path("next"), scratch_path("web.json")), 0);
  a_second_later();
  assert_int_equal(look(), 2);
}

#define WITH_REFRESH(path, function)                                                                                   \
  { path, function, begin, end, NULL }

int main(void) {
  const struct CMUnitTest cases[] = {
      WITH_REFRESH("/refresh/a_token_appears_without_initialising_again", a_token_appears_without_initialising_again),
      WITH_REFRESH("/refresh/the_file_is_looked_at_once_a_second", the_file_is_looked_at_once_a_second),
      WITH_REFRESH("/refresh/a_look_can_be_had_at_once", a_look_can_be_had_at_once),
      WITH_REFRESH("/refresh/a_clock_that_goes_back_does_not_stop_us", a_clock_that_goes_back_does_not_stop_us),
      WITH_REFRESH("/refresh/an_unchanged_file_is_not_read_again", an_unchanged_file_is_not_read_again),
      WITH_REFRESH("/refresh/a_damaged_file_changes_nothing_and_is_told_once",
                   a_damaged_file_changes_nothing_and_is_told_once),
      WITH_REFRESH("/refresh/a_removed_file_takes_the_token_away", a_removed_file_takes_the_token_away),
      WITH_REFRESH("/refresh/a_binding_of_another_identity_is_not_shown", a_binding_of_another_identity_is_not_shown),
      WITH_REFRESH("/refresh/what_could_not_be_read_is_looked_at_again", what_could_not_be_read_is_looked_at_again),
      WITH_REFRESH("/refresh/a_renewal_that_could_not_be_read_is_not_lost",
                   a_renewal_that_could_not_be_read_is_not_lost),
      WITH_REFRESH("/refresh/a_failure_that_goes_on_is_told_once", a_failure_that_goes_on_is_told_once),
      WITH_REFRESH("/refresh/another_damaged_file_is_told_anew", another_damaged_file_is_told_anew),
      WITH_REFRESH("/refresh/out_of_descriptors_passes", out_of_descriptors_passes),
      WITH_REFRESH("/refresh/rights_that_are_mended_are_seen", rights_that_are_mended_are_seen),
      WITH_REFRESH("/refresh/validity_is_judged_by_the_wall_clock", validity_is_judged_by_the_wall_clock),
      WITH_REFRESH("/refresh/a_folder_that_never_answers_is_not_waited_for",
                   a_folder_that_never_answers_is_not_waited_for),
      WITH_REFRESH("/refresh/a_symlink_is_followed_when_it_flips", a_symlink_is_followed_when_it_flips),
  };
  return cmocka_run_group_tests(cases, scratch_setup, scratch_teardown);
}
