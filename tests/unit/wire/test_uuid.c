#include "wire/http.h"
#include "wire/uuid.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void version_and_variant(void **state) {
  (void)state;
  char text[KG_UUID_SIZE];
  for (int i = 0; i < 200; i++) {
    assert_int_equal(kg_uuid_new(text, NULL), KG_OK);
    assert_int_equal(strlen(text), 36);
    for (size_t at = 0; at < 36; at++) {
      bool dash = at == 8 || at == 13 || at == 18 || at == 23;
      assert_non_null(strchr(dash ? "-" : "0123456789abcdef", text[at]));
    }
    assert_int_equal(text[14], '4');
    assert_non_null(strchr("89ab", text[19]));
  }
}

static void two_differ(void **state) {
  (void)state;
  char one[KG_UUID_SIZE];
  assert_int_equal(kg_uuid_new(one, NULL), KG_OK);
  char two[KG_UUID_SIZE];
  assert_int_equal(kg_uuid_new(two, NULL), KG_OK);
  assert_string_not_equal(one, two);
}

static void escape_leaves_unreserved_characters_alone(void **state) {
  static const struct {
    const char *text, *escaped;
  } rows[] = {{"", ""},
              {"AZaz09-._~", "AZaz09-._~"},
              {"client+id", "client%2Bid"},
              {"/subscriptions/a b/c", "%2Fsubscriptions%2Fa%20b%2Fc"},
              {"a&b=c#d?e%f", "a%26b%3Dc%23d%3Fe%25f"},
              {"\xc3\xa9\n", "%C3%A9%0A"}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char *escaped = kg_http_escape(rows[i].text);
    assert_non_null(escaped);
    assert_string_equal(escaped, rows[i].escaped);
    free(escaped);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      {"/uuid/version_and_variant", version_and_variant, NULL, NULL, NULL},
      {"/uuid/two_differ", two_differ, NULL, NULL, NULL},
      {"/escape/leaves_unreserved_characters_alone", escape_leaves_unreserved_characters_alone, NULL, NULL, NULL},
  };
  return cmocka_run_group_tests_name("uuid", tests, NULL, NULL);
}
