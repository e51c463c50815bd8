/* What we print is read back by p11-kit's parser. */
#include "core/key/token_uri.h"

#include "core/key/pkcs11/uri.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

static void format_is_parsed_back(void **state) {
  static const char *const names[] = {"web",        "a b",          "\xc3\xa9t\xc3\xa9",
                                      "100%;&?=/#", "\x01\x7f\xff", "01234567890123456789012345678901"};
  (void)state;
  for (size_t i = 0; i < COUNT(names); i++) {
    char *text = kg_token_uri_format(names[i], names[i], "private");
    assert_non_null(text);
    assert_null(strpbrk(text, " #\x7f"));
    struct kg_pkcs11_uri uri;
    assert_int_equal(kg_pkcs11_uri_parse(text, &uri, NULL, NULL), KG_OK);
    assert_string_equal(uri.token, names[i]);
    assert_string_equal(uri.object, names[i]);
    kg_pkcs11_uri_clear(&uri);
    free(text);
  }
}

static void format_writes_only_what_is_given(void **state) {
  static const struct {
    const char *token, *object, *type, *text;
  } cases[] = {
      {"web", "web", NULL, "pkcs11:token=web;object=web"},
      {"web", NULL, NULL, "pkcs11:token=web"},
      {NULL, "web", "cert", "pkcs11:object=web;type=cert"},
      {"web", "web", "private", "pkcs11:token=web;object=web;type=private"},
      {"web", "web", "public", "pkcs11:token=web;object=web;type=public"},
      {"web", "web", "data", "pkcs11:token=web;object=web;type=data"},
  };
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    char *text = kg_token_uri_format(cases[i].token, cases[i].object, cases[i].type);
    assert_non_null(text);
    assert_string_equal(text, cases[i].text);
    free(text);
  }
}

static void format_refuses_what_no_token_can_be_called(void **state) {
  (void)state;
  assert_null(kg_token_uri_format("012345678901234567890123456789012", NULL, NULL));
  assert_null(kg_token_uri_format("", NULL, NULL));
  assert_null(kg_token_uri_format("web", "web", "nonsense"));
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/token_uri/format_is_parsed_back", format_is_parsed_back),
      CASE("/token_uri/format_writes_only_what_is_given", format_writes_only_what_is_given),
      CASE("/token_uri/format_refuses_what_no_token_can_be_called", format_refuses_what_no_token_can_be_called),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
