#include "core/key/uri.h"

#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refused(const char *text, const char *because) {
  struct kg_uri uri;
  memset(&uri, 0xff, sizeof uri);
  struct kg_error error;
  kg_error_clear(&error);
  if (kg_uri_parse(text, &uri, &error) != KG_E_USAGE) fail_msg("accepted: %s", text);
  if (strstr(error.text, because) == NULL) fail_msg("%s: \"%s\" does not say \"%s\"", text, error.text, because);
  assert_null(strstr(error.text, "SECRET"));
  assert_null(uri.token);
  assert_null(uri.object);
  assert_null(uri.pin_value.data);
}

static void every_attribute_is_taken(void **state) {
  static const char text[] = "pkcs11:token=my%20token;manufacturer=maker;model=m1;serial=0123;object=web;id=%00%ff;"
                             "type=private?module-path=/usr/lib/x.so&pin-source=file:/etc/pin&pin-value=12%2634";
  (void)state;
  struct kg_uri uri;
  assert_int_equal(kg_uri_parse(text, &uri, NULL), KG_OK);
  assert_string_equal(uri.token, "my token");
  assert_string_equal(uri.manufacturer, "maker");
  assert_string_equal(uri.model, "m1");
  assert_string_equal(uri.serial, "0123");
  assert_string_equal(uri.object, "web");
  assert_int_equal(uri.id.len, 2);
  assert_memory_equal(uri.id.data, "\0\377", 2);
  assert_string_equal(uri.module_path, "/usr/lib/x.so");
  assert_string_equal(uri.pin_source, "/etc/pin");
  assert_int_equal(uri.pin_value.len, 5);
  assert_memory_equal(uri.pin_value.data, "12&34", 5);
  kg_uri_clear(&uri);
  kg_uri_clear(&uri);
}

static void what_is_not_named_is_null(void **state) {
  (void)state;
  struct kg_uri uri;
  assert_int_equal(kg_uri_parse("pkcs11:", &uri, NULL), KG_OK);
  assert_null(uri.token);
  assert_null(uri.serial);
  assert_null(uri.object);
  assert_null(uri.module_path);
  assert_null(uri.pin_source);
  assert_int_equal(uri.id.len, 0);
  assert_int_equal(uri.pin_value.len, 0);
  kg_uri_clear(&uri);
}

static void pin_source_is_a_path_in_each_spelling(void **state) {
  static const char *const texts[] = {"pkcs11:?pin-source=/run/pin", "pkcs11:?pin-source=file:/run/pin",
                                      "pkcs11:?pin-source=file:///run/pin", "pkcs11:?pin-source=file%3A%2Frun%2Fpin"};
  (void)state;
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct kg_uri uri;
    assert_int_equal(kg_uri_parse(texts[i], &uri, NULL), KG_OK);
    assert_string_equal(uri.pin_source, "/run/pin");
    kg_uri_clear(&uri);
  }
}

static void hostile_texts_are_refused(void **state) {
  static const struct {
    const char *text, *because;
  } cases[] = {
      {NULL, "pkcs11:"},
      {"", "pkcs11:"},
      {"pkcs11", "pkcs11:"},
      {"http://x", "pkcs11:"},
      {" pkcs11:object=a", "pkcs11:"},
      {"pkcs11:object=a b", "%XX"},
      {"pkcs11:object=a\nb", "%XX"},
      {"pkcs11:object=a?pin-value=SECRET PIN", "%XX"},
      {"pkcs11:token=a;token=b", "\"token\" is there twice"},
      {"pkcs11:object=a?pin-value=SECRET&pin-value=SECRET2", "\"pin-value\" is there twice"},
      {"pkcs11:object=a?pin-valu=SECRET", "\"pin-valu\""},
      {"pkcs11:object=a?pin-value=12&SECRET", "%26"},
      {"pkcs11:object=a?pin-value=12&SECRET=1", "%26"},
      {"pkcs11:pin-value=SECRET", "\"pin-value\""},
      {"pkcs11:slot-id=3;object=a", "\"slot-id\""},
      {"pkcs11:object=a?module-name=x", "\"module-name\""},
      {"pkcs11:object=a?x-vendor=1", "\"x-vendor\""},
      {"pkcs11:library-version=3;object=a", "\"library-version\""},
      {"pkcs11:Object=a", "\"Object\""},
      {"pkcs11:object", "\"object\""},
      {"pkcs11:object=a;;token=b", "\"\""},
      {"pkcs11:=a", "\"\""},
      {"pkcs11:object=a%zz", "encod"},
      {"pkcs11:object=a%2", "encod"},
      {"pkcs11:object=a%00b", "zero byte"},
      {"pkcs11:token=%00", "zero byte"},
      {"pkcs11:object=a?pin-value=SECRET%00", "zero byte"},
      {"pkcs11:object=a?module-path=%2fx%00y", "zero byte"},
      {"pkcs11:token=012345678901234567890123456789012", "longer"},
      {"pkcs11:serial=01234567890123456", "longer"},
      {"pkcs11:object=a;type=nonsense", "type"},
      {"pkcs11:object=a;type=cert", "type=private"},
      {"pkcs11:object=a;type=public", "type=private"},
      {"pkcs11:?pin-source=pin", "absolute"},
      {"pkcs11:?pin-source=", "absolute"},
      {"pkcs11:?pin-source=/", "absolute"},
      {"pkcs11:?pin-source=%7Ccat%20/etc/shadow", "absolute"},
      {"pkcs11:?pin-source=file://host/pin", "absolute"},
      {"pkcs11:?pin-source=https://x/pin", "absolute"},
  };
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++)
    refused(cases[i].text, cases[i].because);
}

/* A second question mark is part of the value (RFC 3986), so what follows is not read as a PIN, and not shown either.
 */
static void a_second_question_mark_is_part_of_the_value(void **state) {
  (void)state;
  struct kg_uri uri;
  assert_int_equal(kg_uri_parse("pkcs11:object=a?module-path=/x?pin-value=1", &uri, NULL), KG_OK);
  assert_string_equal(uri.module_path, "/x?pin-value=1");
  assert_null(uri.pin_value.data);
  kg_uri_clear(&uri);
}

/* No text of bytes makes it read what is not there; the sanitizers watch. */
static void cut_and_damaged_texts_do_no_harm(void **state) {
  static const char whole[] = "pkcs11:token=a%20b;object=%C3%A9;id=%01?module-path=/x&pin-source=file:/y&pin-value=z";
  (void)state;
  for (size_t i = 0; i <= sizeof whole - 1; i++) {
    for (int byte = 1; byte < 256; byte += 3) {
      char text[sizeof whole];
      memcpy(text, whole, sizeof whole);
      text[i] = (char)byte;
      text[sizeof whole - 1] = '\0';
      struct kg_uri uri;
      if (kg_uri_parse(text, &uri, NULL) == KG_OK) kg_uri_clear(&uri);
      text[i] = '\0';
      if (kg_uri_parse(text, &uri, NULL) == KG_OK) kg_uri_clear(&uri);
      free(kg_uri_redact(text));
    }
  }
}

static void format_is_parsed_back(void **state) {
  static const char *const names[] = {"web",        "a b",          "\xc3\xa9t\xc3\xa9",
                                      "100%;&?=/#", "\x01\x7f\xff", "01234567890123456789012345678901"};
  (void)state;
  for (size_t i = 0; i < COUNT(names); i++) {
    char *text = kg_uri_format(names[i], names[i], "private");
    assert_non_null(text);
    assert_null(strpbrk(text, " #\x7f"));
    struct kg_uri uri;
    assert_int_equal(kg_uri_parse(text, &uri, NULL), KG_OK);
    assert_string_equal(uri.token, names[i]);
    assert_string_equal(uri.object, names[i]);
    kg_uri_clear(&uri);
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
    char *text = kg_uri_format(cases[i].token, cases[i].object, cases[i].type);
    assert_non_null(text);
    assert_string_equal(text, cases[i].text);
    free(text);
  }
}

static void format_refuses_what_no_token_can_be_called(void **state) {
  (void)state;
  assert_null(kg_uri_format("012345678901234567890123456789012", NULL, NULL));
  assert_null(kg_uri_format("", NULL, NULL));
  assert_null(kg_uri_format("web", "web", "nonsense"));
}

static void redacting_keeps_all_but_the_pin(void **state) {
  char *text = kg_uri_redact("pkcs11:token=t;object=web;id=%01;type=private?module-path=/x.so&pin-value=SECRET"
                             "&pin-source=file:/SECRET");
  (void)state;
  assert_string_equal(text, "pkcs11:token=t;id=%01;object=web;type=private?module-path=%2Fx.so");
  free(text);
  text = kg_uri_redact("pkcs11:object=web");
  assert_string_equal(text, "pkcs11:object=web");
  free(text);
}

/* What cannot be read cannot be redacted either: nothing is shown rather than too much. */
static void redacting_shows_nothing_of_what_it_cannot_read(void **state) {
  static const char *const texts[] = {"pkcs11:object=a?pin-valu=SECRET", "pkcs11:pin-value=SECRET",
                                      "pkcs11:object=a?pin-value=SECRET%zz", "pkcs11:object=a?pin-value=SEC RET",
                                      "tpm2:key?pin-value=SECRET"};
  (void)state;
  for (size_t i = 0; i < COUNT(texts); i++)
    assert_null(kg_uri_redact(texts[i]));
  assert_null(kg_uri_redact(NULL));
}

static void redacting_copies_other_schemes(void **state) {
  char *text = kg_uri_redact("cng:KeyGuardKey");
  (void)state;
  assert_string_equal(text, "cng:KeyGuardKey");
  free(text);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/uri/every_attribute_is_taken", every_attribute_is_taken),
      CASE("/uri/what_is_not_named_is_null", what_is_not_named_is_null),
      CASE("/uri/pin_source_is_a_path_in_each_spelling", pin_source_is_a_path_in_each_spelling),
      CASE("/uri/hostile_texts_are_refused", hostile_texts_are_refused),
      CASE("/uri/a_second_question_mark_is_part_of_the_value", a_second_question_mark_is_part_of_the_value),
      CASE("/uri/cut_and_damaged_texts_do_no_harm", cut_and_damaged_texts_do_no_harm),
      CASE("/uri/format_is_parsed_back", format_is_parsed_back),
      CASE("/uri/format_writes_only_what_is_given", format_writes_only_what_is_given),
      CASE("/uri/format_refuses_what_no_token_can_be_called", format_refuses_what_no_token_can_be_called),
      CASE("/uri/redacting_keeps_all_but_the_pin", redacting_keeps_all_but_the_pin),
      CASE("/uri/redacting_shows_nothing_of_what_it_cannot_read", redacting_shows_nothing_of_what_it_cannot_read),
      CASE("/uri/redacting_copies_other_schemes", redacting_copies_other_schemes),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
