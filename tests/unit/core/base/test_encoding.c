#include "core/base/encoding.h"

#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

/* RFC 4648 section 10. */
static const struct {
  const char *data, *hex, *base64, *base64url;
} vectors[] = {
    {"", "", "", ""},
    {"f", "66", "Zg==", "Zg"},
    {"fo", "666f", "Zm8=", "Zm8"},
    {"foo", "666f6f", "Zm9v", "Zm9v"},
    {"foob", "666f6f62", "Zm9vYg==", "Zm9vYg"},
    {"fooba", "666f6f6261", "Zm9vYmE=", "Zm9vYmE"},
    {"foobar", "666f6f626172", "Zm9vYmFy", "Zm9vYmFy"},
};

static void assert_text(char *text, const char *expected) {
  assert_string_equal(text, expected);
  free(text);
}

static void published_vectors_are_formatted(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(vectors); i++) {
    struct kg_span data = kg_span_text(vectors[i].data);
    assert_text(kg_hex_format(data), vectors[i].hex);
    assert_text(kg_base64_format(data), vectors[i].base64);
    assert_text(kg_base64url_format(data), vectors[i].base64url);
  }
}

static void published_vectors_are_parsed(void **state) {
  (void)state;
  struct kg_buf out = {0};
  for (size_t i = 0; i < COUNT(vectors); i++) {
    struct kg_span data = kg_span_text(vectors[i].data);
    assert_int_equal(kg_hex_parse(vectors[i].hex, &out), KG_OK);
    assert_true(kg_span_equal(kg_buf_span(&out), data));
    assert_int_equal(kg_base64_parse(vectors[i].base64, &out), KG_OK);
    assert_true(kg_span_equal(kg_buf_span(&out), data));
    assert_int_equal(kg_base64url_parse(kg_span_text(vectors[i].base64url), &out), KG_OK);
    assert_true(kg_span_equal(kg_buf_span(&out), data));
  }
  kg_buf_clear(&out);
}

static void every_byte_and_length_survives_a_round_trip(void **state) {
  (void)state;
  unsigned char data[256];
  for (size_t i = 0; i < sizeof data; i++)
    data[i] = (unsigned char)(255 - i);
  struct kg_buf out = {0};
  for (size_t length = 0; length <= sizeof data; length++) {
    struct kg_span span = kg_span_of(data, length);
    char *hex = kg_hex_format(span), *base64 = kg_base64_format(span), *url = kg_base64url_format(span);
    assert_int_equal(kg_hex_parse(hex, &out), KG_OK);
    assert_true(kg_span_equal(kg_buf_span(&out), span));
    assert_int_equal(kg_base64_parse(base64, &out), KG_OK);
    assert_true(kg_span_equal(kg_buf_span(&out), span));
    assert_int_equal(kg_base64url_parse(kg_span_text(url), &out), KG_OK);
    assert_true(kg_span_equal(kg_buf_span(&out), span));
    assert_null(strpbrk(url, "+/="));
    free(hex), free(base64), free(url);
  }
  kg_buf_clear(&out);
}

static void hex_takes_both_cases(void **state) {
  (void)state;
  struct kg_buf out = {0};
  assert_int_equal(kg_hex_parse("aBcDeF09", &out), KG_OK);
  assert_memory_equal(out.data, "\xab\xcd\xef\x09", 4);
  kg_buf_clear(&out);
}

static void bad_hex_is_refused(void **state) {
  static const char *const bad[] = {"0", "000", "0g", "g0", " 00", "00 ", "0 0", "00\n", "0x00", "\xff\xff", "-1"};
  (void)state;
  struct kg_buf out = {0};
  for (size_t i = 0; i < COUNT(bad); i++)
    assert_int_equal(kg_hex_parse(bad[i], &out), KG_E_USAGE);
  assert_int_equal(kg_hex_parse(NULL, &out), KG_E_USAGE);
  kg_buf_clear(&out);
}

static void bad_base64_is_refused(void **state) {
  static const char *const bad[] = {"Z",        "Zg",       "Zg=",         "Zg===",  "=",      "====",   "Zm9v=",
                                    "Zm9v====", "Zm9vYg=g", "Zg==Zg==",    "Zh==",   "Zm9=",   "Zm9v\n", " Zm9v",
                                    "Zm 9v",    "Zm9v-_==", "Zm9v\xff===", "Zg=\n=", "Z\tg==", "_w==",   "-w=="};
  (void)state;
  struct kg_buf out = {0};
  assert_int_equal(kg_buf_set(&out, kg_span_text("kept")), KG_OK);
  for (size_t i = 0; i < COUNT(bad); i++)
    assert_int_equal(kg_base64_parse(bad[i], &out), KG_E_USAGE);
  assert_int_equal(kg_base64_parse(NULL, &out), KG_E_USAGE);
  assert_string_equal((char *)out.data, "kept");
  kg_buf_clear(&out);
}

static void bad_base64url_is_refused(void **state) {
  static const char *const bad[] = {
      "Z", "Zg==", "Zm8=", "Zh", "Zm9", "Zm9v=", "Zm9v\n", "Zm+v", "Zm/v", " Zg", "Zm9vZ"};
  (void)state;
  struct kg_buf out = {0};
  for (size_t i = 0; i < COUNT(bad); i++)
    assert_int_equal(kg_base64url_parse(kg_span_text(bad[i]), &out), KG_E_USAGE);
  assert_int_equal(kg_base64url_parse(kg_span_of("Zg\0", 3), &out), KG_E_USAGE);
  kg_buf_clear(&out);
}

static void base64url_reads_no_further_than_its_length(void **state) {
  (void)state;
  struct kg_buf out = {0};
  assert_int_equal(kg_base64url_parse(kg_span_of("Zm9v.rest", 4), &out), KG_OK);
  assert_string_equal((char *)out.data, "foo");
  kg_buf_clear(&out);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/encoding/published_vectors_are_formatted", published_vectors_are_formatted),
      CASE("/encoding/published_vectors_are_parsed", published_vectors_are_parsed),
      CASE("/encoding/every_byte_and_length_survives_a_round_trip", every_byte_and_length_survives_a_round_trip),
      CASE("/encoding/hex_takes_both_cases", hex_takes_both_cases),
      CASE("/encoding/bad_hex_is_refused", bad_hex_is_refused),
      CASE("/encoding/bad_base64_is_refused", bad_base64_is_refused),
      CASE("/encoding/bad_base64url_is_refused", bad_base64url_is_refused),
      CASE("/encoding/base64url_reads_no_further_than_its_length", base64url_reads_no_further_than_its_length),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
