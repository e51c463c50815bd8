#include "core/key/pkcs11/uri.h"

#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refused(const char *text, const char *because) {
  struct kg_pkcs11_uri uri;
  memset(&uri, 0xff, sizeof uri);
  struct kg_error error;
  kg_error_clear(&error);
  if (kg_pkcs11_uri_parse(text, &uri, NULL, &error) != KG_E_USAGE) fail_msg("accepted: %s", text);
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
  struct kg_pkcs11_uri uri;
  assert_int_equal(kg_pkcs11_uri_parse(text, &uri, NULL, NULL), KG_OK);
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
  kg_pkcs11_uri_clear(&uri);
  kg_pkcs11_uri_clear(&uri);
}

static void what_is_not_named_is_null(void **state) {
  (void)state;
  struct kg_pkcs11_uri uri;
  assert_int_equal(kg_pkcs11_uri_parse("pkcs11:", &uri, NULL, NULL), KG_OK);
  assert_null(uri.token);
  assert_null(uri.serial);
  assert_null(uri.object);
  assert_null(uri.module_path);
  assert_null(uri.pin_source);
  assert_int_equal(uri.id.len, 0);
  assert_int_equal(uri.pin_value.len, 0);
  kg_pkcs11_uri_clear(&uri);
}

static void pin_source_is_a_path_in_each_spelling(void **state) {
  static const char *const texts[] = {"pkcs11:?pin-source=/run/pin", "pkcs11:?pin-source=file:/run/pin",
                                      "pkcs11:?pin-source=file:///run/pin", "pkcs11:?pin-source=file%3A%2Frun%2Fpin"};
  (void)state;
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct kg_pkcs11_uri uri;
    assert_int_equal(kg_pkcs11_uri_parse(texts[i], &uri, NULL, NULL), KG_OK);
    assert_string_equal(uri.pin_source, "/run/pin");
    kg_pkcs11_uri_clear(&uri);
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
  struct kg_pkcs11_uri uri;
  assert_int_equal(kg_pkcs11_uri_parse("pkcs11:object=a?module-path=/x?pin-value=1", &uri, NULL, NULL), KG_OK);
  assert_string_equal(uri.module_path, "/x?pin-value=1");
  assert_null(uri.pin_value.data);
  kg_pkcs11_uri_clear(&uri);
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
      struct kg_pkcs11_uri uri;
      if (kg_pkcs11_uri_parse(text, &uri, NULL, NULL) == KG_OK) kg_pkcs11_uri_clear(&uri);
      text[i] = '\0';
      if (kg_pkcs11_uri_parse(text, &uri, NULL, NULL) == KG_OK) kg_pkcs11_uri_clear(&uri);
    }
  }
}

/* What may be stored and shown; free() it. NULL: `text` is refused. */
static char *shown_of(const char *text) {
  struct kg_pkcs11_uri uri;
  char *shown = NULL;
  enum kg_status status = kg_pkcs11_uri_parse(text, &uri, &shown, NULL);
  assert_int_equal(status == KG_OK, shown != NULL);
  kg_pkcs11_uri_clear(&uri);
  return shown;
}

static void what_is_shown_is_all_but_the_pin(void **state) {
  char *text = shown_of("pkcs11:token=t;object=web;id=%01;type=private?module-path=/x.so&pin-value=SECRET"
                        "&pin-source=file:/SECRET");
  (void)state;
  assert_string_equal(text, "pkcs11:token=t;id=%01;object=web;type=private?module-path=%2Fx.so");
  free(text);
  text = shown_of("pkcs11:object=web");
  assert_string_equal(text, "pkcs11:object=web");
  free(text);
}

/* What cannot be read cannot be redacted either: nothing is shown rather than too much. */
static void nothing_is_shown_of_what_cannot_be_read(void **state) {
  static const char *const texts[] = {"pkcs11:object=a?pin-valu=SECRET", "pkcs11:pin-value=SECRET",
                                      "pkcs11:object=a?pin-value=SECRET%zz", "pkcs11:object=a?pin-value=SEC RET",
                                      "tpm2:key?pin-value=SECRET"};
  (void)state;
  for (size_t i = 0; i < COUNT(texts); i++)
    assert_null(shown_of(texts[i]));
  assert_null(shown_of(NULL));
}

/* What is neither a name nor NAME=VALUE may be a piece of a PIN whose & or ; was not escaped. */
static void what_looks_like_no_name_is_not_shown(void **state) {
  static const char *const texts[] = {"pkcs11:object=a;SECRET", "pkcs11:object=a?SECRET", "pkcs11:object=a;SECRET1=x",
                                      "pkcs11:SECRET%41=x"};
  (void)state;
  for (size_t i = 0; i < COUNT(texts); i++)
    refused(texts[i], "PKCS#11 URI: ");
}

static void place_refused(const char *text, const char *because) {
  void *place = NULL;
  char *shown = NULL;
  struct kg_error error = {0};
  assert_int_equal(kg_pkcs11_place_parse(text, &place, &shown, &error), KG_E_USAGE);
  if (strstr(error.text, because) == NULL) fail_msg("%s: %s", text, error.text);
  assert_null(place);
  assert_null(shown);
}

static void a_place_names_a_library_and_a_key(void **state) {
  void *place = NULL;
  char *shown = NULL;
  (void)state;
  assert_int_equal(kg_pkcs11_place_parse("pkcs11:id=%01?module-path=/x.so&pin-value=SECRET", &place, &shown, NULL),
                   KG_OK);
  assert_string_equal(((const struct kg_pkcs11_uri *)place)->module_path, "/x.so");
  assert_string_equal(shown, "pkcs11:id=%01?module-path=%2Fx.so");
  free(shown);
  kg_pkcs11_place_free(place);
  place_refused("pkcs11:token=t;object=web", "module-path");
  place_refused("pkcs11:token=t;object=web?module-path=x.so", "absolute");
  place_refused("pkcs11:token=t?module-path=/x.so", "object= or id=");
  place_refused("pkcs11:token=t;token=u?module-path=/x.so", "twice");
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/uri/every_attribute_is_taken", every_attribute_is_taken),
      CASE("/uri/what_is_not_named_is_null", what_is_not_named_is_null),
      CASE("/uri/pin_source_is_a_path_in_each_spelling", pin_source_is_a_path_in_each_spelling),
      CASE("/uri/hostile_texts_are_refused", hostile_texts_are_refused),
      CASE("/uri/a_second_question_mark_is_part_of_the_value", a_second_question_mark_is_part_of_the_value),
      CASE("/uri/cut_and_damaged_texts_do_no_harm", cut_and_damaged_texts_do_no_harm),
      CASE("/uri/what_is_shown_is_all_but_the_pin", what_is_shown_is_all_but_the_pin),
      CASE("/uri/nothing_is_shown_of_what_cannot_be_read", nothing_is_shown_of_what_cannot_be_read),
      CASE("/uri/what_looks_like_no_name_is_not_shown", what_looks_like_no_name_is_not_shown),
      CASE("/uri/a_place_names_a_library_and_a_key", a_place_names_a_library_and_a_key),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
