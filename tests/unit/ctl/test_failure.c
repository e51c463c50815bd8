#include "ctl/failure.h"

#include "tests/support/scratch.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NOW INT64_C(1800000000)

static struct kg_error example(void) {
  struct kg_error error = {0};
  (void)kg_error_set(&error, KG_E_IMDS_FAILED, "issuecredential: HTTP 429");
  error.http_status = 429;
  error.native_code = -6;
  strcpy(error.sub_code, "throttled");
  strcpy(error.oauth_error, "too_many");
  strcpy(error.aadsts, "AADSTS90000");
  strcpy(error.correlation_id, "0f0f0f0f-1111-4222-8333-444444444444");
  return error;
}

static void what_is_noted_is_loaded(void **state) {
  const char *path = scratch_path("noted");
  struct kg_error error = example();
  (void)state;
  kg_failure_note(path, &error, "f00d", 0, NOW);
  struct kg_failure failure;
  assert_true(kg_failure_load(path, &failure));
  assert_int_equal(failure.count, 1);
  assert_int_equal(failure.at, NOW);
  assert_int_equal(failure.until, NOW + KG_FAILURE_DELAY_FIRST_S);
  assert_int_equal(failure.error.status, KG_E_IMDS_FAILED);
  assert_int_equal(failure.error.http_status, 429);
  assert_int_equal(failure.error.native_code, -6);
  assert_string_equal(failure.error.sub_code, "throttled");
  assert_string_equal(failure.error.oauth_error, "too_many");
  assert_string_equal(failure.error.aadsts, "AADSTS90000");
  assert_string_equal(failure.error.correlation_id, "0f0f0f0f-1111-4222-8333-444444444444");
  assert_string_equal(failure.error.text, "issuecredential: HTTP 429");
}

static void delays_double_up_to_ten_minutes(void **state) {
  static const int64_t delays[] = {10, 20, 40, 80, 160, 320, 600, 600};
  (void)state;
  for (size_t i = 0; i < COUNT(delays); i++)
    assert_int_equal(kg_failure_delay((unsigned)i + 1), delays[i]);
  assert_int_equal(kg_failure_delay(1000000), 600);
}

static void failures_in_a_row_are_counted_until_they_are_forgotten(void **state) {
  const char *path = scratch_path("row");
  struct kg_error error = example();
  (void)state;
  for (int i = 0; i < 3; i++)
    kg_failure_note(path, &error, "f00d", 0, NOW + 100 * i);
  struct kg_failure failure;
  assert_true(kg_failure_load(path, &failure));
  assert_int_equal(failure.count, 3);
  assert_int_equal(failure.until, NOW + 200 + 40);
  kg_failure_forget(path);
  assert_false(kg_failure_load(path, &failure));
  kg_failure_forget(path);
}

static void clock_that_jumps_keeps_nobody_waiting(void **state) {
  struct kg_failure failure = {.count = 1, .at = NOW, .until = NOW + 10, .fingerprint = "f00d"};
  (void)state;
  assert_true(kg_failure_is_active(&failure, "f00d", NOW));
  assert_true(kg_failure_is_active(&failure, "f00d", NOW + 9));
  assert_false(kg_failure_is_active(&failure, "f00d", NOW + 10));
  assert_false(kg_failure_is_active(&failure, "f00d", NOW + 86400));
  assert_true(kg_failure_is_active(&failure, "f00d", NOW - 60));
  assert_false(kg_failure_is_active(&failure, "f00d", NOW - 86400)); /* noted by a clock that was a day ahead */
}

/* What an operator has mended since is tried at once, and counts anew. */
static void other_fingerprint_is_another_matter(void **state) {
  const char *path = scratch_path("mended");
  struct kg_error error = example();
  (void)state;
  kg_failure_note(path, &error, "f00d", 0, NOW);
  kg_failure_note(path, &error, "f00d", 0, NOW + 10);
  struct kg_failure failure;
  assert_true(kg_failure_load(path, &failure));
  assert_string_equal(failure.fingerprint, "f00d");
  assert_true(kg_failure_is_active(&failure, "f00d", NOW + 11));
  assert_false(kg_failure_is_active(&failure, "beef", NOW + 11));
  kg_failure_note(path, &error, "beef", 0, NOW + 12);
  assert_true(kg_failure_load(path, &failure));
  assert_int_equal(failure.count, 1);
  assert_false(kg_failure_is_active(&failure, "f00d", NOW + 13));
}

static void wait_that_the_service_asks_for_is_given(void **state) {
  static const struct {
    int64_t retry_after_s, wait_s;
  } table[] = {{0, 10}, {3, 10}, {77, 77}, {600, 600}, {86400, KG_FAILURE_DELAY_MAX_S}};
  struct kg_error error = example();
  (void)state;
  for (size_t i = 0; i < COUNT(table); i++) {
    const char *path = scratch_path("retry-after");
    kg_failure_forget(path);
    kg_failure_note(path, &error, "f00d", table[i].retry_after_s, NOW);
    struct kg_failure failure;
    assert_true(kg_failure_load(path, &failure));
    assert_int_equal(failure.until, NOW + table[i].wait_s);
    assert_true(kg_failure_is_active(&failure, "f00d", NOW));
  }
}

static void anybody_may_read_it(void **state) {
  const char *path = scratch_path("mode");
  struct kg_error error = example();
  (void)state;
  kg_failure_note(path, &error, "f00d", 0, NOW);
  struct stat stat_of;
  assert_int_equal(stat(path, &stat_of), 0);
  assert_int_equal(stat_of.st_mode & 0777, 0644);
}

static void damaged_files_are_none(void **state) {
  static const char *const texts[] = {
      "",
      "{",
      "[]",
      "{}",
      "{\"version\":2,\"count\":1}",
      "{\"version\":1,\"count\":0,\"at\":\"2026-11-26T21:58:46Z\",\"until\":\"2026-11-26T21:58:46Z\","
      "\"status\":\"KG_E_IO\",\"text\":\"x\"}",
      "{\"version\":1,\"count\":1,\"at\":\"yesterday\",\"until\":\"2026-11-26T21:58:46Z\",\"status\":\"KG_E_IO\","
      "\"text\":\"x\"}",
      "{\"version\":1,\"count\":1,\"at\":\"2026-11-26T21:58:46Z\",\"until\":\"2026-11-26T21:58:46Z\","
      "\"status\":\"KG_E_NONSENSE\",\"text\":\"x\"}",
      "{\"version\":1,\"count\":1,\"at\":\"2026-11-26T21:58:46Z\",\"until\":\"2026-11-26T21:58:46Z\","
      "\"status\":\"KG_E_IO\"}"};
  (void)state;
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct kg_failure failure;
    assert_false(kg_failure_load(scratch_write("damaged", texts[i], 0644), &failure));
  }
}

/* A damaged one does not keep a new failure from being remembered. */
static void damaged_file_is_replaced(void **state) {
  const char *path = scratch_write("replaced", "{", 0644);
  struct kg_error error = example();
  (void)state;
  kg_failure_note(path, &error, "f00d", 0, NOW);
  struct kg_failure failure;
  assert_true(kg_failure_load(path, &failure));
  assert_int_equal(failure.count, 1);
}

/* The name never is a binding's: those end with .json, and an identity may be called "web.failure". */
static void name_cannot_be_a_bindings(void **state) {
  char *path = kg_failure_path("/state", "web");
  (void)state;
  assert_string_equal(path, "/state/web.failure");
  free(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE("/failure/what_is_noted_is_loaded", what_is_noted_is_loaded),
      CASE("/failure/delays_double_up_to_ten_minutes", delays_double_up_to_ten_minutes),
      CASE("/failure/failures_in_a_row_are_counted_until_they_are_forgotten",
           failures_in_a_row_are_counted_until_they_are_forgotten),
      CASE("/failure/clock_that_jumps_keeps_nobody_waiting", clock_that_jumps_keeps_nobody_waiting),
      CASE("/failure/other_fingerprint_is_another_matter", other_fingerprint_is_another_matter),
      CASE("/failure/wait_that_the_service_asks_for_is_given", wait_that_the_service_asks_for_is_given),
      CASE("/failure/anybody_may_read_it", anybody_may_read_it),
      CASE("/failure/damaged_files_are_none", damaged_files_are_none),
      CASE("/failure/damaged_file_is_replaced", damaged_file_is_replaced),
      CASE("/failure/name_cannot_be_a_bindings", name_cannot_be_a_bindings)};
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
