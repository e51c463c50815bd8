/* The judge itself: what is taken of a key that can everything, and of one that signs digests alone. */
#include "core/key/sign_params.h"

#include "core/key/digest_info.h"
#include "tests/support/unit.h"

#include <string.h>

#define STRICT (KG_CAN_SIGN_PKCS1 | KG_CAN_SIGN_PSS)
#define ALL (STRICT | KG_CAN_PSS_ANY_SALT | KG_CAN_PKCS1_ANY_INPUT)

static const struct kg_sign_params bare = {KG_PADDING_PKCS1, KG_HASH_NONE, 0};

static enum kg_status take(struct kg_sign_params *params, struct kg_span *input, unsigned capabilities, unsigned bits) {
  struct kg_error error;
  kg_error_clear(&error);
  enum kg_status status = kg_sign_params_take_input(params, input, capabilities, bits, &error);
  assert_int_equal(error.status, status);
  assert_int_equal(error.text[0] != '\0', status != KG_OK);
  return status;
}

static void pkcs1_input_fits_the_key(void **state) {
  static const struct {
    unsigned bits;
    size_t len;
    enum kg_status expected;
  } rows[] = {{2048, 0, KG_OK},
              {2048, 245, KG_OK},
              {2048, 246, KG_E_KEY_INPUT},
              {2048, (size_t)-1, KG_E_KEY_INPUT},
              {4096, 501, KG_OK},
              {4096, 502, KG_E_KEY_INPUT},
              {88, 0, KG_OK},
              {88, 1, KG_E_KEY_INPUT},
              {80, 0, KG_E_KEY_INPUT},
              {0, 0, KG_E_KEY_INPUT}};
  static const unsigned char data[1];
  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct kg_sign_params params = bare;
    struct kg_span input = kg_span_of(data, rows[i].len); /* only its length is looked at */
    assert_int_equal(take(&params, &input, ALL, rows[i].bits), rows[i].expected);
    assert_int_equal(params.hash, KG_HASH_NONE);
    assert_ptr_equal(input.data, data);
    assert_int_equal(input.len, rows[i].len);
  }
}

static void no_data_has_no_length(void **state) {
  (void)state;
  for (size_t len = 0; len < 64; len++) {
    struct kg_sign_params params = bare;
    struct kg_span input = {NULL, len};
    assert_int_equal(take(&params, &input, ALL, 2048), len == 0 ? KG_OK : KG_E_KEY_INPUT);
  }
}

static void a_named_hash_takes_its_digest(void **state) {
  static const unsigned char data[65];
  (void)state;
  for (size_t len = 0; len <= sizeof data; len++) {
    struct kg_sign_params pss = {KG_PADDING_PSS, KG_HASH_SHA384, 48}, pkcs1 = {KG_PADDING_PKCS1, KG_HASH_SHA384, 0};
    struct kg_span input = kg_span_of(data, len);
    assert_int_equal(take(&pss, &input, ALL, 2048), len == 48 ? KG_OK : KG_E_KEY_INPUT);
    assert_int_equal(take(&pkcs1, &input, ALL, 2048), len == 48 ? KG_OK : KG_E_KEY_INPUT);
  }
}

/* A store that signs digests alone is given one only where every byte of the prefix is right. */
static void a_strict_key_wants_a_whole_digest_info(void **state) {
  static const enum kg_hash hashes[] = {KG_HASH_SHA256, KG_HASH_SHA384, KG_HASH_SHA512};
  static const unsigned char zero[KG_HASH_MAX_SIZE];
  (void)state;
  unsigned char info[KG_DIGEST_INFO_MAX];
  for (size_t h = 0; h < COUNT(hashes); h++) {
    size_t size = kg_hash_size(hashes[h]), len = kg_digest_info_format(hashes[h], kg_span_of(zero, size), info);
    struct kg_sign_params params = bare;
    struct kg_span input = kg_span_of(info, len);
    assert_int_equal(take(&params, &input, STRICT, 2048), KG_OK);
    assert_int_equal(params.hash, hashes[h]);
    assert_ptr_equal(input.data, info + len - size);
    assert_int_equal(input.len, size);
    for (size_t i = 0; i <= len - size; i++) { /* the last time whole, but a byte short */
      if (i < len - size) info[i] ^= 0x20;
      params = bare;
      input = kg_span_of(info, i < len - size ? len : len - 1);
      assert_int_equal(take(&params, &input, STRICT, 2048), KG_E_KEY_DATA);
      assert_int_equal(params.hash, KG_HASH_NONE);
      if (i < len - size) info[i] ^= 0x20;
    }
  }
}

/* The sizes at which a digest and its salt just fit: emLen >= hLen + sLen + 2 (RFC 8017 section 9.1.1). */
static void a_small_key_has_no_room_for_a_salt(void **state) {
  static const struct {
    unsigned bits;
    size_t salt;
    enum kg_status expected;
  } rows[] = {{272, 0, KG_OK},
              {272, 1, KG_E_KEY_MECHANISM},
              {264, 0, KG_E_KEY_MECHANISM},
              {0, 0, KG_E_KEY_MECHANISM},
              {2048, 222, KG_OK},
              {2048, 223, KG_E_KEY_MECHANISM},
              {2049, 222, KG_OK}, /* emBits 2048: emLen 256, not 257 */
              {2049, 223, KG_E_KEY_MECHANISM}};
  (void)state;
  for (size_t i = 0; i < COUNT(rows); i++) {
    struct kg_sign_params pss = {KG_PADDING_PSS, KG_HASH_SHA256, rows[i].salt};
    assert_int_equal(kg_sign_params_check(&pss, ALL, rows[i].bits, NULL), rows[i].expected);
  }
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/sign_params/pkcs1_input_fits_the_key", pkcs1_input_fits_the_key),
      CASE("/sign_params/no_data_has_no_length", no_data_has_no_length),
      CASE("/sign_params/a_named_hash_takes_its_digest", a_named_hash_takes_its_digest),
      CASE("/sign_params/a_strict_key_wants_a_whole_digest_info", a_strict_key_wants_a_whole_digest_info),
      CASE("/sign_params/a_small_key_has_no_room_for_a_salt", a_small_key_has_no_room_for_a_salt),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
