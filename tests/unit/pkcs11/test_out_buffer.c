#include "pkcs11/out_buffer.h"

#include "tests/support/unit.h"

static void null_buffer_asks_for_the_length(void **state) {
  static const CK_ULONG garbage[] = {0, 1, 31, 32, 33, (CK_ULONG)-1};
  (void)state;
  for (size_t i = 0; i < COUNT(garbage); i++) {
    CK_ULONG len = garbage[i];
    CK_RV rv = CKR_GENERAL_ERROR;
    assert_int_equal(kg_out_buffer_judge(NULL, &len, 32, &rv), KG_OUT_ANSWERED);
    assert_int_equal(rv, CKR_OK);
    assert_int_equal(len, 32);
  }
}

static void short_buffer_is_told_the_length(void **state) {
  (void)state;
  CK_BYTE buffer[64] = {0};
  for (CK_ULONG room = 0; room <= sizeof buffer; room++) {
    CK_ULONG len = room;
    CK_RV rv = CKR_GENERAL_ERROR;
    enum kg_out_buffer output = kg_out_buffer_judge(buffer, &len, 32, &rv);
    assert_int_equal(output, room < 32 ? KG_OUT_ANSWERED : KG_OUT_WRITE);
    assert_int_equal(rv, room < 32 ? CKR_BUFFER_TOO_SMALL : CKR_OK);
    assert_int_equal(len, 32);
  }
}

static void nowhere_to_write_a_length_is_an_error(void **state) {
  (void)state;
  CK_BYTE buffer[1] = {0};
  CK_RV rv = CKR_OK;
  assert_int_equal(kg_out_buffer_judge(buffer, NULL, 1, &rv), KG_OUT_BAD);
  assert_int_equal(rv, CKR_ARGUMENTS_BAD);
  assert_int_equal(kg_out_buffer_judge(NULL, NULL, 1, &rv), KG_OUT_BAD);
}

int main(void) {
  const struct CMUnitTest cases[] = {
      CASE("/out_buffer/null_buffer_asks_for_the_length", null_buffer_asks_for_the_length),
      CASE("/out_buffer/short_buffer_is_told_the_length", short_buffer_is_told_the_length),
      CASE("/out_buffer/nowhere_to_write_a_length_is_an_error", nowhere_to_write_a_length_is_an_error),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
