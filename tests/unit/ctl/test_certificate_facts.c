#include "ctl/certificate_facts.h"

#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/key/key.h"
#include "support_ca.h"

#include "tests/support/unit.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#define TOKEN_NOT_AFTER "1.3.6.1.4.1.311.90.2.1"
#define FROM INT64_C(1795000000)
#define TO INT64_C(1795604800)

struct made {
  EVP_PKEY *key;
  struct kg_buf public_key, der;
  X509 *x509;
};

/* One a run: making them is what takes time. */
static EVP_PKEY *rsa_key(void) {
  static EVP_PKEY *key;
  if (key == NULL) key = EVP_RSA_gen(2048);
  EVP_PKEY_up_ref(key);
  return key;
}

static void make(struct made *out, EVP_PKEY *key, const struct support_ca_leaf *what) {
  *out = (struct made){.key = key};
  support_ca_public_key(key, &out->public_key);
  out->x509 = support_ca_issue(kg_buf_span(&out->public_key), "11111111-2222-3333-4444-555555555555", what);
  support_ca_der(out->x509, &out->der);
}

static void unmake(struct made *made) {
  EVP_PKEY_free(made->key);
  X509_free(made->x509);
  kg_buf_clear(&made->public_key);
  kg_buf_clear(&made->der);
}

static void read_good(struct made *made, struct kg_certificate_facts *facts) {
  struct kg_error error = {0};
  if (kg_certificate_facts_read(kg_buf_span(&made->der), facts, &error) != KG_OK) fail_msg("%s", error.text);
}

/* Against OpenSSL's own view of the same certificate, reached by other functions than the product uses. */
static void facts_are_what_openssl_says(void **state) {
  (void)state;
  struct made made;
  make(&made, rsa_key(), &(struct support_ca_leaf){.not_before = FROM, .not_after = TO});
  struct kg_certificate_facts facts;
  read_good(&made, &facts);
  assert_int_equal(facts.certificate.not_before, FROM);
  assert_int_equal(facts.certificate.not_after, TO);
  unsigned int len = 0;
  unsigned char digest[64];
  assert_int_equal(X509_digest(made.x509, EVP_sha256(), digest, &len), 1);
  assert_memory_equal(facts.sha256, digest, 32);
  assert_int_equal(X509_digest(made.x509, EVP_sha1(), digest, &len), 1);
  assert_memory_equal(facts.sha1, digest, 20);
  assert_true(kg_span_equal(kg_buf_span(&facts.certificate.der), kg_buf_span(&made.der)));
  assert_true(kg_span_equal(kg_buf_span(&facts.public_key_info), kg_buf_span(&made.public_key)));
  assert_int_equal(facts.token_not_after, 0);
  kg_certificate_facts_clear(&facts);
  unmake(&made);
}

static void names_and_serial_are_their_der(void **state) {
  (void)state;
  struct made made;
  make(&made, rsa_key(), &(struct support_ca_leaf){0});
  struct kg_certificate_facts facts;
  read_good(&made, &facts);
  const unsigned char *at = facts.certificate.subject.data;
  X509_NAME *subject = d2i_X509_NAME(NULL, &at, (long)facts.certificate.subject.len);
  assert_int_equal(X509_NAME_cmp(subject, X509_get_subject_name(made.x509)), 0);
  at = facts.certificate.issuer.data;
  X509_NAME *issuer = d2i_X509_NAME(NULL, &at, (long)facts.certificate.issuer.len);
  assert_int_equal(X509_NAME_cmp(issuer, X509_get_subject_name(support_ca_certificate())), 0);
  /* The serial number of the test's authority has its high bit set: INTEGER, two bytes, a leading zero. */
  assert_int_equal(facts.certificate.serial.len, 4);
  assert_memory_equal(facts.certificate.serial.data, "\x02\x02\x00", 3);
  X509_NAME_free(subject);
  X509_NAME_free(issuer);
  kg_certificate_facts_clear(&facts);
  unmake(&made);
}

/* RFC 5280 4.2.1.2 method (1) is what OpenSSL's subjectKeyIdentifier=hash makes. */
static void id_is_the_subject_key_identifier(void **state) {
  (void)state;
  struct made made;
  make(&made, rsa_key(), &(struct support_ca_leaf){0});
  struct kg_certificate_facts facts;
  read_good(&made, &facts);
  X509V3_CTX context;
  X509V3_set_ctx(&context, NULL, made.x509, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, NID_subject_key_identifier, "hash");
  ASN1_OCTET_STRING *id = X509V3_EXT_d2i(extension);
  assert_int_equal(facts.certificate.id.len, KG_KEY_ID_SIZE);
  assert_int_equal(ASN1_STRING_length(id), KG_KEY_ID_SIZE);
  assert_memory_equal(facts.certificate.id.data, ASN1_STRING_get0_data(id), KG_KEY_ID_SIZE);
  ASN1_OCTET_STRING_free(id);
  X509_EXTENSION_free(extension);
  kg_certificate_facts_clear(&facts);
  unmake(&made);
}

/* The store's numbers give the same SubjectPublicKeyInfo as the certificate has. */
static void public_key_info_is_built_from_the_numbers(void **state) {
  struct kg_key_info info = {.bits = 2048};
  (void)state;
  struct made made;
  make(&made, rsa_key(), &(struct support_ca_leaf){0});
  struct kg_certificate_facts facts;
  read_good(&made, &facts);
  assert_int_equal(facts.modulus.len, 256);
  assert_memory_equal(facts.exponent.data, "\x01\x00\x01", 3);
  info.modulus = facts.modulus;
  info.exponent = facts.exponent;
  struct kg_buf built = {0};
  struct kg_error error = {0};
  assert_int_equal(kg_public_key_info(&info, &built, &error), KG_OK);
  assert_true(kg_span_equal(kg_buf_span(&built), kg_buf_span(&made.public_key)));
  kg_buf_clear(&built);
  kg_certificate_facts_clear(&facts);
  unmake(&made);
}

static void expect_token_not_after(const char *der, size_t len, int64_t expected) {
  struct made made;
  const struct support_ca_leaf what = {.extension_oid = TOKEN_NOT_AFTER, .extension = kg_span_of(der, len)};
  make(&made, rsa_key(), &what);
  struct kg_certificate_facts facts;
  read_good(&made, &facts);
  assert_int_equal(facts.token_not_after, expected);
  kg_certificate_facts_clear(&facts);
  unmake(&made);
}
#define EXPECT_TOKEN_NOT_AFTER(der, expected) expect_token_not_after(der, sizeof(der) - 1, expected)

static void token_not_after_is_understood_in_every_likely_form(void **state) {
  int64_t expected = kg_time_parse("2026-12-03T22:39:29Z");
  (void)state;
  EXPECT_TOKEN_NOT_AFTER("\x18\x0f"
                         "20261203223929Z",
                         expected);
  EXPECT_TOKEN_NOT_AFTER("\x17\x0d"
                         "261203223929Z",
                         expected);
  EXPECT_TOKEN_NOT_AFTER("\x0c\x14"
                         "2026-12-03T22:39:29Z",
                         expected);
  EXPECT_TOKEN_NOT_AFTER("\x16\x0a"
                         "1796337569",
                         INT64_C(1796337569));
  EXPECT_TOKEN_NOT_AFTER("\x02\x04\x6b\x12\x39\xa1", INT64_C(0x6b1239a1));
}

static void token_not_after_in_other_forms_is_not_guessed(void **state) {
  (void)state;
  EXPECT_TOKEN_NOT_AFTER("\x05\x00", 0);         /* NULL */
  EXPECT_TOKEN_NOT_AFTER("\x0c\x08tomorrow", 0); /* a word */
  EXPECT_TOKEN_NOT_AFTER("\x18\x03"
                         "abc",
                         0);                 /* a time that is none */
  EXPECT_TOKEN_NOT_AFTER("\x30\x00", 0);     /* SEQUENCE */
  EXPECT_TOKEN_NOT_AFTER("\xff\xff\xff", 0); /* no DER at all */
  EXPECT_TOKEN_NOT_AFTER("\x0c\x28"
                         "9999999999999999999999999999999999999999",
                         0); /* no number of seconds */
}

static void refuse(struct kg_span der, const char *part) {
  struct kg_certificate_facts facts;
  struct kg_error error = {0};
  assert_int_equal(kg_certificate_facts_read(der, &facts, &error), KG_E_INVALID_CERTIFICATE);
  if (strstr(error.text, part) == NULL) fail_msg("'%s' does not say '%s'", error.text, part);
  assert_null(facts.certificate.der.data);
}

static void what_is_no_certificate_is_refused(void **state) {
  (void)state;
  struct made made;
  make(&made, rsa_key(), &(struct support_ca_leaf){0});
  refuse(kg_span_of(NULL, 0), "not one DER certificate");
  refuse(kg_span_text("-----BEGIN CERTIFICATE-----"), "not one DER certificate");
  for (size_t len = 1; len < made.der.len; len += 37)
    refuse(kg_span_of(made.der.data, len), "not one DER certificate");
  struct kg_buf longer = {0};
  assert_int_equal(kg_buf_set(&longer, kg_buf_span(&made.der)), KG_OK);
  assert_int_equal(kg_buf_append(&longer, kg_span_of("", 1)), KG_OK);
  refuse(kg_buf_span(&longer), "not one DER certificate");
  kg_buf_clear(&longer);
  unmake(&made);
}

static void other_keys_and_impossible_lives_are_refused(void **state) {
  (void)state;
  struct made made;
  make(&made, EVP_EC_gen("P-256"), &(struct support_ca_leaf){0});
  refuse(kg_buf_span(&made.der), "not RSA");
  unmake(&made);
  make(&made, rsa_key(), &(struct support_ca_leaf){.not_before = TO, .not_after = FROM});
  refuse(kg_buf_span(&made.der), "ends before it begins");
  unmake(&made);
}

static void issuer_may_have_any_key(void **state) {
  (void)state;
  struct made made;
  make(&made, EVP_EC_gen("P-256"), &(struct support_ca_leaf){0});
  struct kg_certificate certificate;
  struct kg_error error = {0};
  assert_int_equal(kg_certificate_read(kg_buf_span(&made.der), &certificate, &error), KG_OK);
  assert_int_equal(certificate.id.len, KG_KEY_ID_SIZE);
  kg_certificate_clear(&certificate);
  unmake(&made);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE("/certificate_facts/facts_are_what_openssl_says", facts_are_what_openssl_says),
      CASE("/certificate_facts/names_and_serial_are_their_der", names_and_serial_are_their_der),
      CASE("/certificate_facts/id_is_the_subject_key_identifier", id_is_the_subject_key_identifier),
      CASE("/certificate_facts/public_key_info_is_built_from_the_numbers", public_key_info_is_built_from_the_numbers),
      CASE("/certificate_facts/token_not_after_is_understood_in_every_likely_form",
           token_not_after_is_understood_in_every_likely_form),
      CASE("/certificate_facts/token_not_after_in_other_forms_is_not_guessed",
           token_not_after_in_other_forms_is_not_guessed),
      CASE("/certificate_facts/what_is_no_certificate_is_refused", what_is_no_certificate_is_refused),
      CASE("/certificate_facts/other_keys_and_impossible_lives_are_refused",
           other_keys_and_impossible_lives_are_refused),
      CASE("/certificate_facts/issuer_may_have_any_key", issuer_may_have_any_key)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
