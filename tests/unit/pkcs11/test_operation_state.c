#include "pkcs11/operation_state.h"

#include "core/base/hash_state.h"
#include "sample.h"
#include "tests/support/unit.h"

#include <string.h>

static const struct kg_mechanism_limits all = {SAMPLE_ALL, 2048, false};
static const CK_MECHANISM_TYPE digests[] = {CKM_SHA256, CKM_SHA384, CKM_SHA512};
static unsigned char message[1000];

static struct kg_operation begin(CK_MECHANISM_TYPE type, size_t len) {
  struct kg_operation operation = {0};
  operation.mechanism = kg_mechanism_find(type, &all);
  kg_hash_init(&operation.hash, operation.mechanism->hash);
  kg_hash_update(&operation.hash, kg_span_of(message, len));
  operation.updated = len > 0;
  return operation;
}

static void a_saved_digest_goes_on_wherever_it_was_cut(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof message; i++)
    message[i] = (unsigned char)(i * 7);
  unsigned char saved[KG_OPERATION_STATE_MAX], expected[KG_HASH_MAX_SIZE], digest[KG_HASH_MAX_SIZE];
  for (size_t d = 0; d < COUNT(digests); d++) {
    enum kg_hash hash = kg_mechanism_find(digests[d], &all)->hash;
    kg_hash_once(hash, kg_span_of(message, sizeof message), expected);
    for (size_t cut = 0; cut <= 300; cut++) {
      struct kg_operation first = begin(digests[d], cut);
      size_t len = kg_operation_state_format(&first, saved);
      assert_true(len > 0);
      struct kg_operation second;
      assert_true(kg_operation_state_parse(kg_span_of(saved, len), &all, &second));
      assert_int_equal(second.updated, cut > 0);
      kg_hash_update(&second.hash, kg_span_of(message + cut, sizeof message - cut));
      kg_hash_final(&second.hash, digest);
      assert_memory_equal(digest, expected, kg_hash_size(hash));
      kg_hash_update(&first.hash, kg_span_of(message + cut, sizeof message - cut)); /* saving did not disturb it */
      kg_hash_final(&first.hash, digest);
      assert_memory_equal(digest, expected, kg_hash_size(hash));
    }
  }
}

static void every_flipped_bit_is_noticed(void **state) {
  struct kg_operation operation = begin(CKM_SHA256, 100);
  unsigned char saved[KG_OPERATION_STATE_MAX];
  size_t len = kg_operation_state_format(&operation, saved);
  (void)state;
  struct kg_operation out;
  for (size_t bit = 0; bit < 8 * len; bit++) {
    saved[bit / 8] ^= (unsigned char)(1 << bit % 8);
    assert_false(kg_operation_state_parse(kg_span_of(saved, len), &all, &out));
    saved[bit / 8] ^= (unsigned char)(1 << bit % 8);
  }
  assert_true(kg_operation_state_parse(kg_span_of(saved, len), &all, &out));
}

static void every_other_length_is_noticed(void **state) {
  struct kg_operation operation = begin(CKM_SHA512, 100);
  unsigned char saved[KG_OPERATION_STATE_MAX + 8] = {0};
  size_t len = kg_operation_state_format(&operation, saved);
  (void)state;
  struct kg_operation out;
  for (size_t i = 0; i < len + 8; i++)
    if (i != len) assert_false(kg_operation_state_parse(kg_span_of(saved, i), &all, &out));
}

/* The checksum is no secret: what lies behind it is looked at, too. */
static void a_forged_state_does_not_overrun_the_block(void **state) {
  struct kg_operation operation = begin(CKM_SHA256, 5);
  unsigned char saved[KG_OPERATION_STATE_MAX];
  size_t len = kg_operation_state_format(&operation, saved), body = len - 32;
  (void)state;
  struct kg_operation out;
  for (size_t at = 10; at + 4 <= body; at++) {
    struct kg_operation copy = begin(CKM_SHA256, 5);
    (void)kg_operation_state_format(&copy, saved);
    memset(saved + at, 0xff, 4);
    kg_hash_once(KG_HASH_SHA256, kg_span_of(saved, body), saved + body);
    if (!kg_operation_state_parse(kg_span_of(saved, len), &all, &out)) continue;
    kg_hash_update(&out.hash, kg_span_of(message, 200)); /* under ASan */
    kg_hash_clear(&out.hash);
  }
}

static void another_hash_does_not_fit(void **state) {
  struct kg_operation operation = begin(CKM_SHA256, 5);
  unsigned char saved[KG_OPERATION_STATE_MAX];
  size_t len = kg_operation_state_format(&operation, saved);
  (void)state;
  struct kg_operation out;
  for (unsigned hash = 0; hash < 256; hash++) {
    saved[8] = (unsigned char)hash;
    kg_hash_once(KG_HASH_SHA256, kg_span_of(saved, len - 32), saved + len - 32);
    assert_int_equal(kg_operation_state_parse(kg_span_of(saved, len), &all, &out), hash == KG_HASH_SHA256);
  }
}

int main(void) {
  const struct CMUnitTest cases[] = {
      CASE("/operation_state/a_saved_digest_goes_on_wherever_it_was_cut", a_saved_digest_goes_on_wherever_it_was_cut),
      CASE("/operation_state/every_flipped_bit_is_noticed", every_flipped_bit_is_noticed),
      CASE("/operation_state/every_other_length_is_noticed", every_other_length_is_noticed),
      CASE("/operation_state/a_forged_state_does_not_overrun_the_block", a_forged_state_does_not_overrun_the_block),
      CASE("/operation_state/another_hash_does_not_fit", another_hash_does_not_fit),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
