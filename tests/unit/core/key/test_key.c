/* What every store may rely on, with a fake one behind it: nothing that is wrong by its form reaches a store. */
#include "core/key/store.h"

#include "core/base/strength.h"
#include "core/key/digest_info.h"
#include "core/key/key.h"
#include "tests/support/open_key.h"
#include "tests/support/unit.h"

#include <string.h>

static struct fake_store {
  unsigned signs, verifies, closes, destroys;
  struct kg_sign_params params; /* that it was given last */
  size_t input_len;
  enum kg_status answer, verdict;
  void (*inside)(void);
} fake;

static enum kg_status fake_answer(enum kg_status status, struct kg_error *error) {
  if (fake.inside != NULL) fake.inside();
  return status == KG_OK ? KG_OK : kg_error_set(error, status, "the fake store says so");
}

static enum kg_status fake_sign(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                                unsigned char *signature, struct kg_error *error) {
  fake.params = *params;
  fake.input_len = input.len;
  fake.signs++;
  memset(signature, 0x5a, key->info.bits / 8);
  return fake_answer(fake.answer, error);
}

static enum kg_status fake_verify(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                                  struct kg_span signature, struct kg_error *error) {
  (void)key;
  (void)params;
  (void)input;
  (void)signature;
  fake.verifies++;
  return fake_answer(fake.verdict, error);
}

static enum kg_status fake_destroy(struct kg_key *key, struct kg_error *error) {
  (void)key;
  fake.destroys++;
  return fake_answer(fake.answer, error);
}

static void fake_close(struct kg_key *key) {
  (void)key;
  fake.closes++;
}

static const struct kg_key_store_ops ops = {
    .sign = fake_sign, .verify = fake_verify, .destroy = fake_destroy, .close = fake_close};

static struct kg_key make_key(unsigned capabilities) {
  struct kg_key key = {.ops = &ops};
  memset(&fake, 0, sizeof fake);
  key.info.bits = 2048;
  key.info.capabilities = capabilities;
  return key;
}

#define ALL (KG_CAN_SIGN_PKCS1 | KG_CAN_SIGN_PSS | KG_CAN_VERIFY | KG_CAN_PSS_ANY_SALT | KG_CAN_PKCS1_ANY_INPUT)

static void check_sign(unsigned capabilities, struct kg_sign_params params, size_t len, enum kg_status expected) {
  static const unsigned char input[300];
  struct kg_key key = make_key(capabilities);
  struct kg_error error;
  kg_error_clear(&error);
  unsigned char signature[KG_SIGNATURE_MAX];
  enum kg_status status = kg_key_sign(&key, &params, kg_span_of(input, len), signature, &error);
  if (status != expected)
    fail_msg("padding %d hash %d salt %zu length %zu: %s", params.padding, params.hash, params.salt_len, len,
             kg_status_name(status));
  assert_int_equal(fake.signs, expected == KG_OK ? 1 : 0);
  assert_int_equal(error.status, expected);
  assert_int_equal(error.text[0] != '\0', expected != KG_OK);
}

static const struct {
  enum kg_hash hash;
  size_t size;
} hashes[] = {{KG_HASH_SHA256, 32}, {KG_HASH_SHA384, 48}, {KG_HASH_SHA512, 64}};

static void a_digest_must_have_its_hashs_length(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(hashes); i++) {
    for (size_t len = 0; len <= 70; len++) {
      enum kg_status expected = len == hashes[i].size ? KG_OK : KG_E_KEY_INPUT;
      check_sign(ALL, (struct kg_sign_params){KG_PADDING_PKCS1, hashes[i].hash, 0}, len, expected);
      check_sign(ALL, (struct kg_sign_params){KG_PADDING_PSS, hashes[i].hash, hashes[i].size}, len, expected);
    }
  }
}

static void pss_needs_a_hash_and_never_sha1(void **state) {
  (void)state;
  check_sign(ALL, (struct kg_sign_params){KG_PADDING_PSS, KG_HASH_NONE, 0}, 32, KG_E_KEY_MECHANISM);
  check_sign(ALL, (struct kg_sign_params){KG_PADDING_PSS, KG_HASH_SHA1, 20}, 20, KG_E_KEY_MECHANISM);
  check_sign(ALL, (struct kg_sign_params){KG_PADDING_PKCS1, KG_HASH_SHA1, 0}, 20, KG_E_KEY_MECHANISM);
}

/* RFC 8017 section 9.1.1: emLen >= hLen + sLen + 2, emLen 256 for 2048 bits. */
static void a_salt_must_fit(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(hashes); i++) {
    size_t most = 256 - hashes[i].size - 2;
    check_sign(ALL, (struct kg_sign_params){KG_PADDING_PSS, hashes[i].hash, 0}, hashes[i].size, KG_OK);
    check_sign(ALL, (struct kg_sign_params){KG_PADDING_PSS, hashes[i].hash, most}, hashes[i].size, KG_OK);
    check_sign(ALL, (struct kg_sign_params){KG_PADDING_PSS, hashes[i].hash, most + 1}, hashes[i].size,
               KG_E_KEY_MECHANISM);
    check_sign(ALL, (struct kg_sign_params){KG_PADDING_PSS, hashes[i].hash, (size_t)-1}, hashes[i].size,
               KG_E_KEY_MECHANISM);
  }
}

static void a_store_of_one_salt_gets_no_other(void **state) {
  unsigned fixed = ALL & ~(unsigned)KG_CAN_PSS_ANY_SALT;
  (void)state;
  for (size_t i = 0; i < COUNT(hashes); i++)
    for (size_t salt = 0; salt <= 64; salt++)
      check_sign(fixed, (struct kg_sign_params){KG_PADDING_PSS, hashes[i].hash, salt}, hashes[i].size,
                 salt == hashes[i].size ? KG_OK : KG_E_KEY_MECHANISM);
}

static void what_a_store_cannot_do_is_not_asked_of_it(void **state) {
  (void)state;
  struct kg_sign_params pkcs1 = {KG_PADDING_PKCS1, KG_HASH_SHA256, 0};
  check_sign(KG_CAN_SIGN_PSS, pkcs1, 32, KG_E_KEY_MECHANISM);
  struct kg_sign_params any = {KG_PADDING_PKCS1, KG_HASH_NONE, 0};
  check_sign(KG_CAN_SIGN_PSS, any, 32, KG_E_KEY_MECHANISM);
  struct kg_sign_params pss = {KG_PADDING_PSS, KG_HASH_SHA256, 32};
  check_sign(KG_CAN_SIGN_PSS, pss, 32, KG_OK);
  check_sign(KG_CAN_SIGN_PKCS1, pss, 32, KG_E_KEY_MECHANISM);
  check_sign(KG_CAN_SIGN_PKCS1, pkcs1, 32, KG_OK);
  check_sign(0, pkcs1, 32, KG_E_KEY_MECHANISM);
}

static void any_input_ends_at_eleven_bytes_less_than_the_key(void **state) {
  (void)state;
  struct kg_sign_params any = {KG_PADDING_PKCS1, KG_HASH_NONE, 0};
  check_sign(ALL, any, 0, KG_OK);
  check_sign(ALL, any, 245, KG_OK);
  check_sign(ALL, any, 246, KG_E_KEY_INPUT);
  check_sign(ALL, any, 256, KG_E_KEY_INPUT);
}

static void a_strict_store_gets_digest_infos_only(void **state) {
  static const unsigned char digest[32];
  unsigned strict = ALL & ~(unsigned)KG_CAN_PKCS1_ANY_INPUT;
  unsigned char info[KG_DIGEST_INFO_MAX];
  size_t len = kg_digest_info_format(KG_HASH_SHA256, kg_span_of(digest, 32), info);
  struct kg_key key = make_key(strict);
  (void)state;
  struct kg_sign_params any = {KG_PADDING_PKCS1, KG_HASH_NONE, 0};
  unsigned char signature[KG_SIGNATURE_MAX];
  assert_int_equal(kg_key_sign(&key, &any, kg_span_of(info, len), signature, NULL), KG_OK);
  assert_int_equal(fake.params.hash, KG_HASH_SHA256); /* taken apart for it */
  assert_int_equal(fake.input_len, 32);
  assert_int_equal(any.hash, KG_HASH_NONE);
  key.info.capabilities = ALL;
  assert_int_equal(kg_key_sign(&key, &any, kg_span_of(info, len), signature, NULL), KG_OK);
  assert_int_equal(fake.params.hash, KG_HASH_NONE);
  assert_int_equal(fake.input_len, len);
  key.info.capabilities = strict;
  info[18] ^= 1;
  assert_int_equal(kg_key_sign(&key, &any, kg_span_of(info, len), signature, NULL), KG_E_KEY_DATA);
  assert_int_equal(fake.signs, 2);
  check_sign(strict, any, 51, KG_E_KEY_DATA); /* a length that fits: the contents are wrong */
  check_sign(strict, any, 36, KG_E_KEY_DATA);
  check_sign(strict, any, 246, KG_E_KEY_INPUT);
}

static void no_data_with_a_length_is_refused(void **state) {
  struct kg_key key = make_key(ALL);
  (void)state;
  unsigned char signature[KG_SIGNATURE_MAX];
  struct kg_sign_params params = {KG_PADDING_PKCS1, KG_HASH_SHA256, 0};
  assert_int_equal(kg_key_sign(&key, &params, (struct kg_span){NULL, 32}, signature, NULL), KG_E_KEY_INPUT);
  assert_int_equal(fake.signs, 0);
}

static void verify_checks_the_same_and_the_signatures_length(void **state) {
  static const unsigned char digest[32], signature[300];
  struct kg_key key = make_key(ALL);
  struct kg_span input = kg_span_of(digest, 32);
  (void)state;
  struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 32};
  assert_int_equal(kg_key_verify(&key, &params, input, kg_span_of(signature, 256), NULL), KG_OK);
  assert_int_equal(kg_key_verify(&key, &params, input, kg_span_of(signature, 255), NULL), KG_E_SIGNATURE);
  assert_int_equal(kg_key_verify(&key, &params, input, kg_span_of(signature, 257), NULL), KG_E_SIGNATURE);
  assert_int_equal(kg_key_verify(&key, &params, input, kg_span_of(NULL, 256), NULL), KG_E_SIGNATURE);
  assert_int_equal(kg_key_verify(&key, &params, kg_span_of(digest, 31), kg_span_of(signature, 256), NULL),
                   KG_E_KEY_INPUT);
  assert_int_equal(fake.verifies, 1);
  fake.verdict = KG_E_SIGNATURE;
  assert_int_equal(kg_key_verify(&key, &params, input, kg_span_of(signature, 256), NULL), KG_E_SIGNATURE);
  key = make_key(ALL & ~(unsigned)KG_CAN_VERIFY);
  assert_int_equal(kg_key_verify(&key, &params, input, kg_span_of(signature, 256), NULL), KG_E_KEY_MECHANISM);
  assert_int_equal(fake.verifies, 0);
}

static void probe_signs_and_verifies(void **state) {
  struct kg_key key = make_key(ALL);
  (void)state;
  assert_int_equal(kg_key_probe(&key, NULL), KG_OK);
  assert_int_equal(fake.signs, 1);
  assert_int_equal(fake.verifies, 1);
  key = make_key(ALL & ~(unsigned)KG_CAN_VERIFY);
  assert_int_equal(kg_key_probe(&key, NULL), KG_OK);
  assert_int_equal(fake.signs, 1);
  assert_int_equal(fake.verifies, 0);
}

static void a_key_that_signs_garbage_is_dead(void **state) {
  struct kg_key key = make_key(ALL);
  (void)state;
  fake.verdict = KG_E_SIGNATURE;
  struct kg_error error;
  assert_int_equal(kg_key_probe(&key, &error), KG_E_KEY_DEAD);
  assert_int_equal(error.status, KG_E_KEY_DEAD);
  assert_string_equal(error.text, "the key does not sign: the fake store says so");
}

/* A key is replaced only where it is dead, so what says nothing about the key must not be called so. */
static void only_the_keys_own_failure_makes_it_dead(void **state) {
  static const struct {
    enum kg_status answer, probe;
  } cases[] = {{KG_E_KEY_STORE, KG_E_KEY_DEAD},    {KG_E_KEY_DEAD, KG_E_KEY_DEAD},
               {KG_E_KEY_PIN, KG_E_KEY_PIN},       {KG_E_KEY_BUSY, KG_E_KEY_BUSY},
               {KG_E_NO_MEMORY, KG_E_NO_MEMORY},   {KG_E_ACCESS, KG_E_ACCESS},
               {KG_E_UNTRUSTED, KG_E_UNTRUSTED},   {KG_E_BUG, KG_E_BUG},
               {KG_E_KEY_NOT_FOUND, KG_E_KEY_DEAD}};
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct kg_key key = make_key(ALL);
    fake.answer = cases[i].answer;
    struct kg_error error;
    assert_int_equal(kg_key_probe(&key, &error), cases[i].probe);
    assert_int_equal(error.status, cases[i].probe);
    assert_int_equal(fake.verifies, 0);
  }
  struct kg_key key = make_key(KG_CAN_SIGN_PKCS1);
  assert_int_equal(kg_key_probe(&key, NULL), KG_E_KEY_MECHANISM);
}

static void a_key_that_cannot_be_destroyed_stays_open(void **state) {
  struct kg_key real = make_key(ALL), *key = &real;
  (void)state;
  fake.answer = KG_E_ACCESS;
  assert_int_equal(kg_key_delete(&key, NULL), KG_E_ACCESS);
  assert_ptr_equal(key, &real);
  assert_int_equal(fake.closes, 0);
  fake.answer = KG_OK;
  assert_int_equal(kg_key_delete(&key, NULL), KG_OK);
  assert_null(key);
  assert_int_equal(fake.closes, 1);
  kg_key_close(&key);
  assert_int_equal(fake.closes, 1);
}

static struct kg_key inner_key;
static unsigned inner_refusals;

static void call_back_in(void) {
  static const unsigned char digest[32], signature[256];
  struct kg_key *key = &inner_key;
  struct kg_span input = kg_span_of(digest, 32);
  assert_true(kg_key_is_inside_store());
  unsigned char out[KG_SIGNATURE_MAX];
  struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 32};
  inner_refusals += kg_key_sign(key, &params, input, out, NULL) == KG_E_KEY_STORE;
  inner_refusals += kg_key_verify(key, &params, input, kg_span_of(signature, 256), NULL) == KG_E_KEY_STORE;
  inner_refusals += kg_key_delete(&key, NULL) == KG_E_KEY_STORE;
  inner_refusals += open_key_of("pkcs11:object=a?module-path=/nowhere", 0, &key, NULL) == KG_E_KEY_STORE;
  key = &inner_key;
  kg_key_close(&key);
  assert_null(key);
}

static void a_store_that_calls_back_is_refused_at_once(void **state) {
  static const unsigned char digest[32];
  struct kg_key key = make_key(ALL);
  (void)state;
  inner_key = key;
  inner_refusals = 0;
  fake.inside = call_back_in;
  assert_false(kg_key_is_inside_store());
  unsigned char signature[KG_SIGNATURE_MAX];
  struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 32};
  assert_int_equal(kg_key_sign(&key, &params, kg_span_of(digest, 32), signature, NULL), KG_OK);
  assert_false(kg_key_is_inside_store());
  assert_int_equal(inner_refusals, 4);
  assert_int_equal(fake.signs, 1);
  assert_int_equal(fake.closes, 0);
  fake.inside = NULL;
  assert_int_equal(kg_key_sign(&key, &params, kg_span_of(digest, 32), signature, NULL), KG_OK);
}

static void unknown_stores_are_refused_without_being_shown(void **state) {
  static const char *const stores[] = {NULL, "", "pkcs12:SECRET", "SECRET", "PKCS11:object=a", "pkcs11"};
  (void)state;
  for (size_t i = 0; i < COUNT(stores); i++) {
    struct kg_key *key = &inner_key;
    struct kg_error error;
    assert_int_equal(open_key_of(stores[i], 0, &key, &error), KG_E_USAGE);
    assert_null(key);
    assert_null(strstr(error.text, "SECRET"));
  }
}

static void strengths_have_names_and_an_order(void **state) {
  (void)state;
  enum kg_strength strength = KG_STRENGTH_NONE;
  for (int i = KG_STRENGTH_NONE; i <= KG_STRENGTH_KEYGUARD; i++) {
    assert_int_equal(kg_strength_parse(kg_strength_name((enum kg_strength)i), &strength), KG_OK);
    assert_int_equal(strength, i);
  }
  assert_true(KG_STRENGTH_SOFTWARE < KG_STRENGTH_HARDWARE && KG_STRENGTH_HARDWARE < KG_STRENGTH_KEYGUARD);
  assert_int_equal(kg_strength_parse("Hardware", &strength), KG_E_USAGE);
  assert_int_equal(kg_strength_parse("", &strength), KG_E_USAGE);
  assert_int_equal(kg_strength_parse(NULL, &strength), KG_E_USAGE);
  assert_string_equal(kg_strength_name((enum kg_strength)99), "?");
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/key/a_digest_must_have_its_hashs_length", a_digest_must_have_its_hashs_length),
      CASE("/key/pss_needs_a_hash_and_never_sha1", pss_needs_a_hash_and_never_sha1),
      CASE("/key/a_salt_must_fit", a_salt_must_fit),
      CASE("/key/a_store_of_one_salt_gets_no_other", a_store_of_one_salt_gets_no_other),
      CASE("/key/what_a_store_cannot_do_is_not_asked_of_it", what_a_store_cannot_do_is_not_asked_of_it),
      CASE("/key/any_input_ends_at_eleven_bytes_less_than_the_key", any_input_ends_at_eleven_bytes_less_than_the_key),
      CASE("/key/a_strict_store_gets_digest_infos_only", a_strict_store_gets_digest_infos_only),
      CASE("/key/no_data_with_a_length_is_refused", no_data_with_a_length_is_refused),
      CASE("/key/verify_checks_the_same_and_the_signatures_length", verify_checks_the_same_and_the_signatures_length),
      CASE("/key/probe_signs_and_verifies", probe_signs_and_verifies),
      CASE("/key/a_key_that_signs_garbage_is_dead", a_key_that_signs_garbage_is_dead),
      CASE("/key/only_the_keys_own_failure_makes_it_dead", only_the_keys_own_failure_makes_it_dead),
      CASE("/key/a_key_that_cannot_be_destroyed_stays_open", a_key_that_cannot_be_destroyed_stays_open),
      CASE("/key/a_store_that_calls_back_is_refused_at_once", a_store_that_calls_back_is_refused_at_once),
      CASE("/key/unknown_stores_are_refused_without_being_shown", unknown_stores_are_refused_without_being_shown),
      CASE("/key/strengths_have_names_and_an_order", strengths_have_names_and_an_order),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
