#include "pkcs11/attribute.h"

#include "tests/support/unit.h"

#include <string.h>

static const unsigned char bytes[] = {1, 2, 3, 4, 5};

static struct kg_attributes build(void) {
  struct kg_attributes set = {0};
  kg_attributes_add_bytes(&set, CKA_ID, kg_span_of(bytes, sizeof bytes));
  kg_attributes_add_number(&set, CKA_CLASS, CKO_PRIVATE_KEY);
  kg_attributes_add_flag(&set, CKA_SIGN, true);
  kg_attributes_add_bytes(&set, CKA_URL, kg_span_of(NULL, 0));
  kg_attributes_add_sensitive(&set, CKA_PRIME_1);
  kg_attributes_add_date(&set, CKA_START_DATE, 1764194326); /* 2025-11-26 */
  assert_false(set.incomplete);
  return set;
}

static CK_RV get(const struct kg_attributes *set, CK_ATTRIBUTE_TYPE type, void *out, CK_ULONG room, CK_ULONG *len) {
  CK_ATTRIBUTE wanted = {type, out, room};
  CK_RV rv = kg_attributes_get(set, &wanted, 1);
  *len = wanted.ulValueLen;
  return rv;
}

static void values_have_the_sizes_of_the_standard(void **state) {
  struct kg_attributes set = build();
  (void)state;
  CK_ULONG number = 0, len = 0;
  assert_int_equal(get(&set, CKA_CLASS, &number, sizeof number, &len), CKR_OK);
  assert_int_equal(len, sizeof(CK_ULONG));
  assert_int_equal(number, CKO_PRIVATE_KEY);
  CK_BBOOL flag = 7;
  assert_int_equal(get(&set, CKA_SIGN, &flag, sizeof flag, &len), CKR_OK);
  assert_int_equal(len, 1);
  assert_int_equal(flag, CK_TRUE);
  CK_DATE date;
  assert_int_equal(get(&set, CKA_START_DATE, &date, sizeof date, &len), CKR_OK);
  assert_int_equal(len, 8);
  assert_memory_equal(&date, "20251126", 8);
  kg_attributes_clear(&set);
}

static void length_query_leaves_the_buffer(void **state) {
  struct kg_attributes set = build();
  (void)state;
  CK_ULONG len = 0;
  assert_int_equal(get(&set, CKA_ID, NULL, 999, &len), CKR_OK);
  assert_int_equal(len, sizeof bytes);
  assert_int_equal(get(&set, CKA_URL, NULL, 0, &len), CKR_OK);
  assert_int_equal(len, 0);
  kg_attributes_clear(&set);
}

static void small_buffer_is_not_touched(void **state) {
  struct kg_attributes set = build();
  (void)state;
  unsigned char out[8];
  memset(out, 0xee, sizeof out);
  CK_ULONG len = 0;
  assert_int_equal(get(&set, CKA_ID, out, sizeof bytes - 1, &len), CKR_BUFFER_TOO_SMALL);
  assert_int_equal(len, CK_UNAVAILABLE_INFORMATION);
  assert_int_equal(out[0], 0xee);
  assert_int_equal(get(&set, CKA_ID, out, sizeof bytes, &len), CKR_OK);
  assert_memory_equal(out, bytes, sizeof bytes);
  assert_int_equal(out[sizeof bytes], 0xee);
  kg_attributes_clear(&set);
}

static void sensitive_and_absent_have_no_length(void **state) {
  struct kg_attributes set = build();
  (void)state;
  CK_ULONG len = 0;
  unsigned char out[8];
  assert_int_equal(get(&set, CKA_PRIME_1, out, sizeof out, &len), CKR_ATTRIBUTE_SENSITIVE);
  assert_int_equal(len, CK_UNAVAILABLE_INFORMATION);
  assert_int_equal(get(&set, CKA_PRIME_1, NULL, 0, &len), CKR_ATTRIBUTE_SENSITIVE);
  assert_int_equal(get(&set, CKA_MODULUS, out, sizeof out, &len), CKR_ATTRIBUTE_TYPE_INVALID);
  assert_int_equal(len, CK_UNAVAILABLE_INFORMATION);
  kg_attributes_clear(&set);
}

static void a_failure_does_not_stop_the_others(void **state) {
  struct kg_attributes set = build();
  unsigned char small[1], id[5];
  CK_BBOOL flag = 0;
  CK_ATTRIBUTE wanted[] = {{CKA_MODULUS, NULL, 0},
                           {CKA_ID, small, sizeof small},
                           {CKA_PRIME_1, NULL, 0},
                           {CKA_SIGN, &flag, sizeof flag},
                           {CKA_ID, id, sizeof id}};
  (void)state;
  assert_int_equal(kg_attributes_get(&set, wanted, 5), CKR_ATTRIBUTE_SENSITIVE);
  assert_int_equal(wanted[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
  assert_int_equal(wanted[1].ulValueLen, CK_UNAVAILABLE_INFORMATION);
  assert_int_equal(flag, CK_TRUE);
  assert_int_equal(wanted[4].ulValueLen, 5);
  assert_memory_equal(id, bytes, 5);
  wanted[1].ulValueLen = sizeof small;
  assert_int_equal(kg_attributes_get(&set, wanted, 2), CKR_ATTRIBUTE_TYPE_INVALID);
  kg_attributes_clear(&set);
}

static void match_compares_type_length_and_bytes(void **state) {
  struct kg_attributes set = build();
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY, other = CKO_PUBLIC_KEY;
  CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class}, {CKA_ID, (void *)(uintptr_t)bytes, sizeof bytes}};
  (void)state;
  assert_true(kg_attributes_match(&set, wanted, 2));
  assert_true(kg_attributes_match(&set, NULL, 0));
  wanted[1].ulValueLen = 4;
  assert_false(kg_attributes_match(&set, wanted, 2));
  wanted[1].ulValueLen = 5;
  wanted[0].pValue = &other;
  assert_false(kg_attributes_match(&set, wanted, 2));
  kg_attributes_clear(&set);
}

static void match_knows_nothing_of_secret_or_absent_values(void **state) {
  struct kg_attributes set = build();
  (void)state;
  CK_ATTRIBUTE prime = {CKA_PRIME_1, NULL, 0};
  assert_false(kg_attributes_match(&set, &prime, 1));
  CK_ATTRIBUTE absent = {CKA_MODULUS, NULL, 0};
  assert_false(kg_attributes_match(&set, &absent, 1));
  CK_ATTRIBUTE empty = {CKA_URL, NULL, 0};
  assert_true(kg_attributes_match(&set, &empty, 1));
  kg_attributes_clear(&set);
}

static void sets_grow(void **state) {
  (void)state;
  struct kg_attributes set = {0};
  for (CK_ULONG i = 0; i < 500; i++)
    kg_attributes_add_number(&set, i, i * 3);
  assert_int_equal(set.count, 500);
  assert_int_equal(kg_attributes_size(&set), 500 * sizeof(CK_ULONG));
  assert_int_equal(kg_attributes_find(&set, 499)->small.number, 1497);
  kg_attributes_clear(&set);
  kg_attributes_clear(&set);
}

int main(void) {
  const struct CMUnitTest cases[] = {
      CASE("/attribute/values_have_the_sizes_of_the_standard", values_have_the_sizes_of_the_standard),
      CASE("/attribute/length_query_leaves_the_buffer", length_query_leaves_the_buffer),
      CASE("/attribute/small_buffer_is_not_touched", small_buffer_is_not_touched),
      CASE("/attribute/sensitive_and_absent_have_no_length", sensitive_and_absent_have_no_length),
      CASE("/attribute/a_failure_does_not_stop_the_others", a_failure_does_not_stop_the_others),
      CASE("/attribute/match_compares_type_length_and_bytes", match_compares_type_length_and_bytes),
      CASE("/attribute/match_knows_nothing_of_secret_or_absent_values", match_knows_nothing_of_secret_or_absent_values),
      CASE("/attribute/sets_grow", sets_grow),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
