#include "core/key/digest_info.h"

#include "tests/support/unit.h"

#include <string.h>

#define PREFIX 19

static const struct {
  enum kg_hash hash;
  size_t size;
} hashes[] = {{KG_HASH_SHA256, 32}, {KG_HASH_SHA384, 48}, {KG_HASH_SHA512, 64}};

static size_t make(size_t row, unsigned char out[KG_DIGEST_INFO_MAX]) {
  unsigned char digest[KG_HASH_MAX_SIZE];
  memset(digest, (int)(0xa0 + row), sizeof digest);
  return kg_digest_info_format(hashes[row].hash, kg_span_of(digest, hashes[row].size), out);
}

/* SHA-256 of "abc" as `openssl pkeyutl -sign -pkeyopt digest:sha256` wraps it. */
static void format_is_what_others_write(void **state) {
  static const unsigned char digest[32] = {0xba, 0x78, 0x16, 0xbf};
  static const unsigned char head[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,
                                       0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20, 0xba, 0x78, 0x16, 0xbf};
  (void)state;
  unsigned char out[KG_DIGEST_INFO_MAX];
  assert_int_equal(kg_digest_info_format(KG_HASH_SHA256, kg_span_of(digest, 32), out), 51);
  assert_memory_equal(out, head, sizeof head);
}

static void parse_gives_back_what_was_formatted(void **state) {
  (void)state;
  for (size_t row = 0; row < COUNT(hashes); row++) {
    unsigned char text[KG_DIGEST_INFO_MAX];
    size_t len = make(row, text);
    assert_int_equal(len, PREFIX + hashes[row].size);
    struct kg_span digest = {NULL, 0};
    enum kg_hash hash = KG_HASH_NONE;
    assert_int_equal(kg_digest_info_parse(kg_span_of(text, len), &hash, &digest), KG_OK);
    assert_int_equal(hash, hashes[row].hash);
    assert_ptr_equal(digest.data, text + PREFIX);
    assert_int_equal(digest.len, hashes[row].size);
  }
}

static void every_flipped_bit_of_a_prefix_is_refused(void **state) {
  (void)state;
  for (size_t row = 0; row < COUNT(hashes); row++) {
    for (unsigned bit = 0; bit < PREFIX * 8; bit++) {
      unsigned char text[KG_DIGEST_INFO_MAX];
      size_t len = make(row, text);
      text[bit / 8] ^= (unsigned char)(1U << bit % 8);
      enum kg_hash hash = KG_HASH_NONE;
      struct kg_span digest = {NULL, 0};
      assert_int_equal(kg_digest_info_parse(kg_span_of(text, len), &hash, &digest), KG_E_KEY_DATA);
      assert_int_equal(hash, KG_HASH_NONE);
      assert_null(digest.data);
    }
  }
}

static void flipped_bits_of_the_digest_are_not_ours_to_judge(void **state) {
  unsigned char text[KG_DIGEST_INFO_MAX];
  size_t len = make(0, text);
  (void)state;
  text[PREFIX] ^= 1;
  struct kg_span digest;
  enum kg_hash hash;
  assert_int_equal(kg_digest_info_parse(kg_span_of(text, len), &hash, &digest), KG_OK);
}

/* Each prefix at every length but its own, the other two hashes' lengths among them. */
static void every_other_length_is_refused(void **state) {
  (void)state;
  for (size_t row = 0; row < COUNT(hashes); row++) {
    unsigned char text[256] = {0};
    size_t own = make(row, text);
    for (size_t len = 0; len <= sizeof text; len++) {
      enum kg_hash hash = KG_HASH_NONE;
      struct kg_span digest;
      enum kg_status expected = len == own ? KG_OK : KG_E_KEY_DATA;
      assert_int_equal(kg_digest_info_parse(kg_span_of(text, len), &hash, &digest), expected);
    }
  }
}

static void no_input_is_refused(void **state) {
  (void)state;
  struct kg_span digest;
  enum kg_hash hash;
  assert_int_equal(kg_digest_info_parse(kg_span_of(NULL, 0), &hash, &digest), KG_E_KEY_DATA);
  assert_int_equal(kg_digest_info_parse(kg_span_of(NULL, 51), &hash, &digest), KG_E_KEY_DATA);
}

static void format_refuses_other_hashes_and_lengths(void **state) {
  static const unsigned char digest[65];
  (void)state;
  unsigned char out[KG_DIGEST_INFO_MAX];
  assert_int_equal(kg_digest_info_format(KG_HASH_NONE, kg_span_of(digest, 32), out), 0);
  assert_int_equal(kg_digest_info_format(KG_HASH_SHA1, kg_span_of(digest, 20), out), 0);
  for (size_t row = 0; row < COUNT(hashes); row++)
    for (size_t len = 0; len < sizeof digest; len++)
      if (len != hashes[row].size)
        assert_int_equal(kg_digest_info_format(hashes[row].hash, kg_span_of(digest, len), out), 0);
  assert_int_equal(kg_digest_info_format(KG_HASH_SHA256, kg_span_of(NULL, 32), out), 0);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/digest_info/format_is_what_others_write", format_is_what_others_write),
      CASE("/digest_info/parse_gives_back_what_was_formatted", parse_gives_back_what_was_formatted),
      CASE("/digest_info/every_flipped_bit_of_a_prefix_is_refused", every_flipped_bit_of_a_prefix_is_refused),
      CASE("/digest_info/flipped_bits_of_the_digest_are_not_ours_to_judge",
           flipped_bits_of_the_digest_are_not_ours_to_judge),
      CASE("/digest_info/every_other_length_is_refused", every_other_length_is_refused),
      CASE("/digest_info/no_input_is_refused", no_input_is_refused),
      CASE("/digest_info/format_refuses_other_hashes_and_lengths", format_refuses_other_hashes_and_lengths),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
