#include "support_pki.h"
#include "wire/x509.h"

#include "core/base/encoding.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

static EVP_PKEY *pair;
static struct kg_buf der;

static int set_up(void **state) {
  (void)state;
  pair = support_key_rsa(2048);
  const struct support_certificate what = {
      .key = pair, .common_name = "name", .not_before = 1000, .not_after = 4102444800};
  char *text = support_certificate_base64(&what);
  enum kg_status status = kg_base64_parse(text, &der);
  free(text);
  return status == KG_OK ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  kg_buf_clear(&der);
  EVP_PKEY_free(pair);
  return 0;
}

static void one_certificate_is_read_with_its_times(void **state) {
  (void)state;
  X509 *certificate = kg_x509_parse(kg_buf_span(&der));
  assert_non_null(certificate);
  int64_t from = 0, to = 0;
  assert_true(kg_x509_time(X509_get0_notBefore(certificate), &from));
  assert_true(kg_x509_time(X509_get0_notAfter(certificate), &to));
  assert_int_equal(from, 1000);
  assert_int_equal(to, 4102444800);
  X509_free(certificate);
}

static void refused(struct kg_span bytes) {
  X509 *certificate = kg_x509_parse(bytes);
  assert_null(certificate);
}

static void anything_else_is_no_certificate(void **state) {
  (void)state;
  refused(kg_span_of(NULL, 0));
  refused(kg_span_of(der.data, der.len - 1));
  struct kg_buf longer = {0};
  assert_int_equal(kg_buf_set(&longer, kg_buf_span(&der)), KG_OK);
  assert_int_equal(kg_buf_append(&longer, kg_span_text("x")), KG_OK);
  refused(kg_buf_span(&longer));
  assert_int_equal(der.data[1], 0x82); /* the same length in a byte more is BER and not DER */
  assert_int_equal(kg_buf_set(&longer, kg_span_of("\x30\x83\x00", 3)), KG_OK);
  assert_int_equal(kg_buf_append(&longer, kg_span_of(der.data + 2, der.len - 2)), KG_OK);
  refused(kg_buf_span(&longer));
  kg_buf_clear(&longer);
}

static void public_key_is_all_of_the_bytes(void **state) {
  (void)state;
  size_t len = 0;
  unsigned char *info = support_public_key_info(pair, &len);
  EVP_PKEY *key = kg_x509_parse_public_key(kg_span_of(info, len));
  assert_non_null(key);
  assert_int_equal(EVP_PKEY_eq(key, pair), 1);
  EVP_PKEY_free(key);
  unsigned char longer[1024] = {0};
  assert_true(len < sizeof longer);
  memcpy(longer, info, len);
  assert_null(kg_x509_parse_public_key(kg_span_of(longer, len + 1)));
  assert_null(kg_x509_parse_public_key(kg_span_of(info, len - 1)));
  assert_null(kg_x509_parse_public_key(kg_span_of(NULL, 0)));
  OPENSSL_free(info);
}

static void what_is_no_time_is_none(void **state) {
  (void)state;
  ASN1_TIME *time = ASN1_TIME_new();
  int64_t seconds = 0;
  assert_int_equal(ASN1_STRING_set(time, "20261332000000Z", -1), 1);
  assert_false(kg_x509_time(time, &seconds));
  ASN1_TIME_free(time);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE("/x509/one_certificate_is_read_with_its_times", one_certificate_is_read_with_its_times),
      CASE("/x509/anything_else_is_no_certificate", anything_else_is_no_certificate),
      CASE("/x509/public_key_is_all_of_the_bytes", public_key_is_all_of_the_bytes),
      CASE("/x509/what_is_no_time_is_none", what_is_no_time_is_none)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
