#include "core/base/json.h"
#include "core/base/json_add.h"

#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static cJSON *parse(const char *text, struct kg_error *error) {
  kg_error_clear(error);
  return kg_json_parse(kg_span_text(text), KG_E_IMDS_FAILED, error);
}

static void assert_refused(struct kg_span text, const char *reason) {
  struct kg_error error = {0};
  assert_null(kg_json_parse(text, KG_E_IMDS_FAILED, &error));
  assert_int_equal(error.status, KG_E_IMDS_FAILED);
  assert_memory_equal(error.text, reason, strlen(reason)); /* where exactly it stops being JSON is cJSON's business */
  assert_null(kg_json_parse(text, KG_E_IMDS_FAILED, NULL));
}

static void objects_are_taken_with_white_space_around(void **state) {
  static const char *const good[] = {"{}", " {}\r\n\t ", "{\"a\":[1,{\"b\":null}],\"A\":true}"};
  (void)state;
  struct kg_error error;
  for (size_t i = 0; i < COUNT(good); i++) {
    cJSON *root = parse(good[i], &error);
    assert_non_null(root);
    cJSON_Delete(root);
  }
}

static void what_is_no_object_is_refused(void **state) {
  static const struct {
    const char *text, *reason;
  } bad[] = {
      {"", "JSON is empty"},
      {"   ", "not JSON, at byte "},
      {"[]", "JSON is not an object"},
      {"\"text\"", "JSON is not an object"},
      {"1", "JSON is not an object"},
      {"null", "JSON is not an object"},
      {"<html>", "not JSON, at byte "},
      {"{\"a\":1", "not JSON, at byte "},
      {"{\"a\" 1}", "not JSON, at byte "},
      {"{a:1}", "not JSON, at byte "},
      {"{} {}", "text after the JSON, at byte 2"},
      {"{}x", "text after the JSON, at byte 2"},
      {"{\"a\":\"\\u0000b\"}", "JSON holds a NUL character"},
  };
  (void)state;
  for (size_t i = 0; i < COUNT(bad); i++)
    assert_refused(kg_span_text(bad[i].text), bad[i].reason);
  assert_refused(kg_span_of("{\"a\":\"b\0c\"}", 11), "JSON holds a NUL character");
  assert_refused(kg_span_of("{}\0", 3), "JSON holds a NUL character");
}

static void reading_stops_at_the_given_length(void **state) {
  cJSON *root = kg_json_parse(kg_span_of("{\"a\":1}{", 7), KG_E_BINDING, NULL);
  (void)state;
  assert_non_null(root);
  cJSON_Delete(root);
}

static char *nested(size_t levels) {
  char *text = calloc(1, levels * 6 + 1);
  assert_non_null(text);
  for (size_t i = 0; i + 1 < levels; i++)
    strcat(text, "{\"a\":");
  strcat(text, "{}");
  for (size_t i = 0; i + 1 < levels; i++)
    strcat(text, "}");
  return text;
}

static void depth_ends_at_32(void **state) {
  char *good = nested(32), *bad = nested(33), *worse = nested(5000);
  struct kg_error error = {0};
  cJSON *root = parse(good, &error);
  (void)state;
  assert_non_null(root);
  cJSON_Delete(root);
  assert_refused(kg_span_text(bad), "JSON is nested deeper than 32 levels");
  assert_null(parse(worse, &error));
  free(good), free(bad), free(worse);
}

static void size_ends_at_a_mebibyte(void **state) {
  size_t limit = 1024 * 1024;
  char *text = malloc(limit + 1);
  (void)state;
  assert_non_null(text);
  memset(text, ' ', limit + 1);
  memcpy(text, "{}", 2);
  cJSON *root = kg_json_parse(kg_span_of(text, limit), KG_E_IMDS_FAILED, NULL);
  assert_non_null(root);
  cJSON_Delete(root);
  assert_refused(kg_span_of(text, limit + 1), "JSON is larger than 1048576 bytes");
  free(text);
}

static void duplicates_are_refused_at_any_depth(void **state) {
  (void)state;
  assert_refused(kg_span_text("{\"a\":1,\"b\":2,\"a\":3}"), "member 'a' is there twice");
  assert_refused(kg_span_text("{\"x\":[{\"y\":{\"b\":1,\"b\":1}}]}"), "member 'b' is there twice");
  assert_refused(kg_span_text("{\"a\":1,\"\\u0061\":2}"), "member 'a' is there twice");
}

static void members_end_at_128(void **state) {
  char text[4096] = "{";
  (void)state;
  for (int i = 0; i < 128; i++)
    sprintf(text + strlen(text), "%s\"m%d\":0", i ? "," : "", i);
  strcat(text, "}");
  cJSON *root = kg_json_parse(kg_span_text(text), KG_E_IMDS_FAILED, NULL);
  assert_non_null(root);
  cJSON_Delete(root);
  strcpy(text + strlen(text) - 1, ",\"one more\":0}");
  assert_refused(kg_span_text(text), "JSON object has more than 128 members");
}

static void strings_are_required_by_name(void **state) {
  struct kg_error error;
  cJSON *root = parse("{\"good\":\"value\",\"empty\":\"\",\"null\":null,\"number\":1,\"object\":{}}", &error);
  static const struct {
    const char *name;
    enum kg_status status;
    const char *reason;
  } cases[] = {
      {"good", KG_OK, ""},
      {"Good", KG_E_IMDS_FAILED, "member 'Good' is missing"},
      {"absent", KG_E_IMDS_FAILED, "member 'absent' is missing"},
      {"null", KG_E_IMDS_FAILED, "member 'null' is missing"},
      {"empty", KG_E_IMDS_FAILED, "member 'empty' is empty"},
      {"number", KG_E_IMDS_FAILED, "member 'number' is not a string"},
      {"object", KG_E_IMDS_FAILED, "member 'object' is not a string"},
  };
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    const char *value = "untouched";
    kg_error_clear(&error);
    assert_int_equal(kg_json_require_string(root, cases[i].name, KG_E_IMDS_FAILED, &value, &error), cases[i].status);
    assert_string_equal(error.text, cases[i].reason);
    if (cases[i].status == KG_OK)
      assert_string_equal(value, "value");
    else
      assert_null(value);
  }
  cJSON_Delete(root);
}

static void optional_strings_may_be_absent_but_not_wrong(void **state) {
  struct kg_error error;
  cJSON *root = parse("{\"good\":\"value\",\"empty\":\"\",\"null\":null,\"flag\":true}", &error);
  (void)state;
  const char *value = NULL;
  assert_int_equal(kg_json_optional_string(root, "good", KG_E_BINDING, &value, &error), KG_OK);
  assert_string_equal(value, "value");
  assert_int_equal(kg_json_optional_string(root, "empty", KG_E_BINDING, &value, &error), KG_OK);
  assert_string_equal(value, "");
  assert_int_equal(kg_json_optional_string(root, "null", KG_E_BINDING, &value, &error), KG_OK);
  assert_null(value);
  assert_int_equal(kg_json_optional_string(root, "absent", KG_E_BINDING, &value, &error), KG_OK);
  assert_null(value);
  assert_int_equal(kg_json_optional_string(root, "flag", KG_E_BINDING, &value, &error), KG_E_BINDING);
  assert_string_equal(error.text, "member 'flag' is not a string");
  cJSON_Delete(root);
}

static void whole_numbers_come_as_numbers_or_strings(void **state) {
  static const struct {
    const char *text;
    int64_t value;
  } good[] = {
      {"0", 0},
      {"86399", 86399},
      {"\"86399\"", 86399},
      {"-5", -5},
      {"\"-5\"", -5},
      {"1e3", 1000},
      {"5.0", 5},
      {"9007199254740991", 9007199254740991},
      {"-9007199254740991", -9007199254740991},
      {"\"9223372036854775807\"", INT64_MAX},
      {"\"-9223372036854775808\"", INT64_MIN},
      {"null", 42},
  };
  (void)state;
  struct kg_error error;
  char text[64];
  for (size_t i = 0; i < COUNT(good); i++) {
    snprintf(text, sizeof text, "{\"n\":%s}", good[i].text);
    cJSON *root = parse(text, &error);
    int64_t value = 0;
    assert_int_equal(kg_json_optional_int(root, "n", 42, KG_E_IMDS_FAILED, &value, &error), KG_OK);
    assert_true(value == good[i].value);
    assert_int_equal(kg_json_optional_int(root, "absent", 43, KG_E_IMDS_FAILED, &value, &error), KG_OK);
    assert_true(value == 43);
    cJSON_Delete(root);
  }
}

static void other_numbers_are_refused(void **state) {
  static const char *const bad[] = {"1.5",
                                    "9007199254740992",
                                    "-9007199254740992",
                                    "1e400",
                                    "-1e400",
                                    "\"\"",
                                    "\"-\"",
                                    "\"+1\"",
                                    "\" 1\"",
                                    "\"1 \"",
                                    "\"1.0\"",
                                    "\"0x10\"",
                                    "\"1e3\"",
                                    "true",
                                    "[]",
                                    "{}",
                                    "\"9223372036854775808\""};
  (void)state;
  char text[64];
  struct kg_error error;
  for (size_t i = 0; i < COUNT(bad); i++) {
    snprintf(text, sizeof text, "{\"n\":%s}", bad[i]);
    cJSON *root = parse(text, &error);
    assert_non_null(root);
    int64_t value = 7;
    assert_int_equal(kg_json_optional_int(root, "n", 42, KG_E_IMDS_FAILED, &value, &error), KG_E_IMDS_FAILED);
    assert_string_equal(error.text, "member 'n' is not a whole number");
    assert_int_equal(kg_json_require_int(root, "n", KG_E_IMDS_FAILED, &value, &error), KG_E_IMDS_FAILED);
    assert_int_equal(value, 7);
    cJSON_Delete(root);
  }
}

static void required_numbers_must_be_there(void **state) {
  struct kg_error error;
  cJSON *root = parse("{\"n\":1,\"null\":null}", &error);
  (void)state;
  int64_t value = 0;
  assert_int_equal(kg_json_require_int(root, "n", KG_E_BINDING, &value, &error), KG_OK);
  assert_int_equal(value, 1);
  assert_int_equal(kg_json_require_int(root, "null", KG_E_BINDING, &value, &error), KG_E_BINDING);
  assert_string_equal(error.text, "member 'null' is missing");
  assert_int_equal(kg_json_require_int(root, "absent", KG_E_BINDING, &value, &error), KG_E_BINDING);
  cJSON_Delete(root);
}

static void members_are_added_where_there_is_something(void **state) {
  cJSON *object = cJSON_CreateObject();
  (void)state;
  assert_true(kg_json_add_text(object, "text", "a"));
  assert_true(kg_json_add_text(object, "empty", ""));
  assert_true(kg_json_add_text(object, "none", NULL));
  assert_true(kg_json_add_filled(object, "filled", "b"));
  assert_true(kg_json_add_filled(object, "unfilled", ""));
  assert_true(kg_json_add_filled(object, "none", NULL));
  assert_true(kg_json_add_taken(object, "taken", kg_strdup("c")));
  assert_false(kg_json_add_taken(object, "none", NULL));
  assert_true(kg_json_add_item(object, "item", cJSON_CreateTrue()));
  assert_false(kg_json_add_item(object, "none", NULL));
  assert_false(kg_json_add_item(NULL, "none", cJSON_CreateTrue())); /* freed: AddressSanitizer would see it */
  assert_false(kg_json_append(NULL, cJSON_CreateTrue()));
  assert_true(kg_json_add_time(object, "time", 0));
  char *text = cJSON_PrintUnformatted(object);
  assert_string_equal(text, "{\"text\":\"a\",\"empty\":\"\",\"filled\":\"b\",\"taken\":\"c\",\"item\":true,"
                            "\"time\":\"1970-01-01T00:00:00Z\"}");
  cJSON_free(text);
  cJSON_Delete(object);
}

static void own_members_are_read_as_they_were_added(void **state) {
  (void)state;
  cJSON *object = cJSON_CreateObject();
  assert_true(kg_json_add_text(object, "text", "a text"));
  assert_true(kg_json_add_time(object, "time", 1780005526));
  int64_t time = 0;
  assert_true(kg_json_get_time(object, "time", &time));
  assert_int_equal(time, 1780005526);
  assert_false(kg_json_get_time(object, "text", &time));
  assert_false(kg_json_get_time(object, "absent", &time));
  char text[5] = "old";
  kg_json_copy_text(object, "absent", text, sizeof text);
  assert_string_equal(text, "old");
  kg_json_copy_text(object, "text", text, sizeof text);
  assert_string_equal(text, "a te");
  cJSON_Delete(object);
}

static void own_numbers_have_limits(void **state) {
  struct kg_error error;
  cJSON *root = parse("{\"n\":7,\"text\":\"x\"}", &error);
  (void)state;
  int64_t value = -1;
  assert_true(kg_json_get_int(root, "n", 7, 7, &value));
  assert_int_equal(value, 7);
  assert_false(kg_json_get_int(root, "n", 8, 9, &value));
  assert_false(kg_json_get_int(root, "n", 0, 6, &value));
  assert_false(kg_json_get_int(root, "text", 0, 9, &value));
  assert_true(kg_json_get_int(root, "absent", 0, 9, &value));
  assert_int_equal(value, 0);
  cJSON_Delete(root);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/json/objects_are_taken_with_white_space_around", objects_are_taken_with_white_space_around),
      CASE("/json/what_is_no_object_is_refused", what_is_no_object_is_refused),
      CASE("/json/reading_stops_at_the_given_length", reading_stops_at_the_given_length),
      CASE("/json/depth_ends_at_32", depth_ends_at_32),
      CASE("/json/size_ends_at_a_mebibyte", size_ends_at_a_mebibyte),
      CASE("/json/duplicates_are_refused_at_any_depth", duplicates_are_refused_at_any_depth),
      CASE("/json/members_end_at_128", members_end_at_128),
      CASE("/json/strings_are_required_by_name", strings_are_required_by_name),
      CASE("/json/optional_strings_may_be_absent_but_not_wrong", optional_strings_may_be_absent_but_not_wrong),
      CASE("/json/whole_numbers_come_as_numbers_or_strings", whole_numbers_come_as_numbers_or_strings),
      CASE("/json/other_numbers_are_refused", other_numbers_are_refused),
      CASE("/json/required_numbers_must_be_there", required_numbers_must_be_there),
      CASE("/json/members_are_added_where_there_is_something", members_are_added_where_there_is_something),
      CASE("/json/own_members_are_read_as_they_were_added", own_members_are_read_as_they_were_added),
      CASE("/json/own_numbers_have_limits", own_numbers_have_limits),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
