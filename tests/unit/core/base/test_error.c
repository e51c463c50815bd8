#include "core/base/error.h"

#include "tests/support/unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static void set_clears_what_was_there(void **state) {
  (void)state;
  struct kg_error error;
  memset(&error, 'x', sizeof error);
  assert_int_equal(kg_error_set(&error, KG_E_IO, "cannot open '%s'", "/a"), KG_E_IO);
  assert_int_equal(error.status, KG_E_IO);
  assert_string_equal(error.text, "cannot open '/a'");
  assert_int_equal(error.http_status, 0);
  assert_int_equal(error.native_code, 0);
  assert_string_equal(error.sub_code, "");
  assert_string_equal(error.oauth_error, "");
  assert_string_equal(error.aadsts, "");
  assert_string_equal(error.correlation_id, "");
}

static void set_takes_its_own_text_as_argument(void **state) {
  (void)state;
  struct kg_error error;
  kg_error_set(&error, KG_E_IO, "inner");
  kg_error_set(&error, KG_E_BUG, "outer: %s", error.text);
  assert_string_equal(error.text, "outer: inner");
}

static void null_error_is_allowed(void **state) {
  (void)state;
  assert_int_equal(kg_error_set(NULL, KG_E_IO, "text"), KG_E_IO);
  assert_int_equal(kg_error_set_code(NULL, KG_E_IO, 5, "text"), KG_E_IO);
  assert_int_equal(kg_error_no_memory(NULL, "for text"), KG_E_NO_MEMORY);
  assert_int_equal(kg_error_prefix(NULL, KG_E_CONFIG, "prefix"), KG_E_CONFIG);
  assert_int_equal(kg_error_change(NULL, KG_E_CONFIG), KG_E_CONFIG);
  struct kg_error from = {.status = KG_E_TLS};
  assert_int_equal(kg_error_copy(NULL, &from), KG_E_TLS);
  kg_error_append(NULL, "suffix");
  kg_error_clear(NULL);
}

static void long_text_is_cut_with_dots(void **state) {
  (void)state;
  char text[1000];
  memset(text, 'a', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  struct kg_error error;
  kg_error_set(&error, KG_E_IO, "%.511s", text);
  assert_string_equal(error.text + sizeof error.text - 5, "aaaa");
  kg_error_set(&error, KG_E_IO, "%.512s", text);
  assert_string_equal(error.text + sizeof error.text - 5, "a...");
  kg_error_set(&error, KG_E_IO, "%s", text);
  assert_int_equal(strlen(error.text), sizeof error.text - 1);
  assert_string_equal(error.text + sizeof error.text - 5, "a...");
  kg_error_prefix(&error, KG_E_IO, "%s", text);
  assert_int_equal(strlen(error.text), sizeof error.text - 1);
  assert_string_equal(error.text + sizeof error.text - 5, "a...");
}

static void prefix_keeps_status_and_details(void **state) {
  (void)state;
  struct kg_error error;
  kg_error_set(&error, KG_E_IMDS_FAILED, "status %d", 500);
  error.http_status = 500;
  strcpy(error.correlation_id, "id");
  strcpy(error.sub_code, "finer");
  assert_int_equal(kg_error_prefix(&error, KG_E_IMDS_FAILED, "leg %d", 1), KG_E_IMDS_FAILED);
  assert_string_equal(error.text, "leg 1: status 500");
  assert_int_equal(error.status, KG_E_IMDS_FAILED);
  assert_int_equal(error.http_status, 500);
  assert_string_equal(error.correlation_id, "id");
  assert_string_equal(kg_error_sub_code(&error), "finer");
}

static void another_status_takes_the_finer_sub_code_along(void **state) {
  (void)state;
  struct kg_error error;
  kg_error_set_code(&error, KG_E_TLS, 35, "host: handshake");
  strcpy(error.sub_code, "finer");
  assert_int_equal(kg_error_prefix(&error, KG_E_TIMEOUT, "no time left"), KG_E_TIMEOUT);
  assert_int_equal(error.status, KG_E_TIMEOUT);
  assert_string_equal(error.text, "no time left: host: handshake");
  assert_string_equal(kg_error_sub_code(&error), kg_status_sub_code(KG_E_TIMEOUT));
  strcpy(error.sub_code, "finer");
  assert_int_equal(kg_error_change(&error, KG_E_IDENTITY), KG_E_IDENTITY);
  assert_int_equal(error.status, KG_E_IDENTITY);
  assert_int_equal(error.native_code, 35);
  assert_string_equal(kg_error_sub_code(&error), "identity_mismatch");
}

static void words_go_behind_the_text(void **state) {
  (void)state;
  char text[1000];
  memset(text, 'a', sizeof text - 1);
  text[sizeof text - 1] = '\0';
  struct kg_error error;
  kg_error_set(&error, KG_E_IO, "one");
  kg_error_append(&error, "; %s (%d)", "two", 2);
  assert_string_equal(error.text, "one; two (2)");
  kg_error_append(&error, "\n%s", error.text);
  assert_string_equal(error.text, "one; two (2)?one; two (2)");
  kg_error_append(&error, "%s", text);
  assert_int_equal(strlen(error.text), sizeof error.text - 1);
  assert_string_equal(error.text + sizeof error.text - 5, "a...");
}

static void no_memory_says_what_for(void **state) {
  (void)state;
  struct kg_error error;
  assert_int_equal(kg_error_no_memory(&error, "to read '%s'", "/a"), KG_E_NO_MEMORY);
  assert_int_equal(error.status, KG_E_NO_MEMORY);
  assert_string_equal(error.text, "no memory to read '/a'");
}

static void begun_says_nothing_whatever_was_there(void **state) {
  (void)state;
  struct kg_error error;
  memset(&error, 0xa5, sizeof error);
  kg_error_begin(&error);
  assert_int_equal(error.status, KG_OK);
  assert_string_equal(error.text, "");
  assert_string_equal(kg_error_sub_code(&error), kg_status_sub_code(KG_OK));
}

static void copy_is_whole(void **state) {
  (void)state;
  struct kg_error from;
  kg_error_set_code(&from, KG_E_TLS, 35, "text");
  strcpy(from.aadsts, "AADSTS1");
  struct kg_error error = {0};
  assert_int_equal(kg_error_copy(&error, &from), KG_E_TLS);
  assert_memory_equal(&error, &from, sizeof error);
  assert_int_equal(kg_error_copy(&error, &error), KG_E_TLS);
}

static void hostile_text_cannot_forge_a_line(void **state) {
  (void)state;
  struct kg_error error;
  kg_error_set(&error, KG_E_IO, "bad\nkeyguard: error: forged\r\x1b[2J\x7f%s", "\xc2\x9b");
  assert_string_equal(error.text, "bad?keyguard: error: forged??[2J???");
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/error/set_clears_what_was_there", set_clears_what_was_there),
      CASE("/error/set_takes_its_own_text_as_argument", set_takes_its_own_text_as_argument),
      CASE("/error/null_error_is_allowed", null_error_is_allowed),
      CASE("/error/long_text_is_cut_with_dots", long_text_is_cut_with_dots),
      CASE("/error/prefix_keeps_status_and_details", prefix_keeps_status_and_details),
      CASE("/error/another_status_takes_the_finer_sub_code_along", another_status_takes_the_finer_sub_code_along),
      CASE("/error/words_go_behind_the_text", words_go_behind_the_text),
      CASE("/error/no_memory_says_what_for", no_memory_says_what_for),
      CASE("/error/begun_says_nothing_whatever_was_there", begun_says_nothing_whatever_was_there),
      CASE("/error/copy_is_whole", copy_is_whole),
      CASE("/error/hostile_text_cannot_forge_a_line", hostile_text_cannot_forge_a_line),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
