/* The `pkcs11:` store on a real SoftHSM2; what SoftHSM2 never does, the fake library over it does. */
#include "judged_token.h"

#include "core/base/strength.h"
#include "core/key/digest_info.h"
#include "core/key/key.h"
#include "tests/support/open_key.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void a_missing_key_is_made_only_when_asked_for(void **state) {
  char *uri = token_uri(*state, "web");
  struct kg_error error;
  assert_int_equal(token_try(uri, 0, &error), KG_E_KEY_NOT_FOUND);
  assert_non_null(strstr(error.text, "web"));
  assert_int_equal(token_try(uri, 0, &error), KG_E_KEY_NOT_FOUND);
  assert_int_equal(token_try(uri, KG_KEY_CREATE, &error), KG_OK);
  assert_int_equal(token_try(uri, 0, &error), KG_OK);
  free(uri);
}

static void a_key_that_is_there_is_never_replaced(void **state) {
  struct kg_key *made = token_open_object(*state, "web"), *again = token_open_object(*state, "web");
  const struct kg_key_info *info = kg_key_info(made);
  assert_true(info->created);
  assert_int_equal(info->bits, 2048);
  assert_int_equal(info->modulus.len, 256);
  assert_int_equal(info->exponent.len, 3);
  assert_memory_equal(info->exponent.data, "\1\0\1", 3);
  assert_int_equal(info->strength, KG_STRENGTH_SOFTWARE);
  assert_int_equal(info->capabilities,
                   KG_CAN_SIGN_PKCS1 | KG_CAN_SIGN_PSS | KG_CAN_VERIFY | KG_CAN_PSS_ANY_SALT | KG_CAN_PKCS1_ANY_INPUT);
  assert_false(kg_key_info(again)->created);
  assert_true(kg_span_equal(kg_buf_span(&info->modulus), kg_buf_span(&kg_key_info(again)->modulus)));
  kg_key_close(&made);
  kg_key_close(&again);
}

static CK_BBOOL attribute_of(struct application *application, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_BBOOL value = 2;
  CK_ATTRIBUTE attribute = {type, &value, sizeof value};
  assert_int_equal(application->f->C_GetAttributeValue(application->session, object, &attribute, 1), CKR_OK);
  return value;
}

static void a_made_key_signs_and_does_nothing_else(void **state) {
  static const struct {
    CK_ATTRIBUTE_TYPE type;
    CK_BBOOL value;
  } attributes[] = {{CKA_TOKEN, 1},       {CKA_PRIVATE, 1}, {CKA_SENSITIVE, 1}, {CKA_ALWAYS_SENSITIVE, 1},
                    {CKA_EXTRACTABLE, 0}, {CKA_SIGN, 1},    {CKA_DECRYPT, 0},   {CKA_NEVER_EXTRACTABLE, 1},
                    {CKA_LOCAL, 1},       {CKA_UNWRAP, 0}};
  struct kg_key *key = token_open_object(*state, "web");
  struct application application;
  token_enter(*state, "t", &application);
  CK_OBJECT_HANDLE private_key = application_find(&application, CKO_PRIVATE_KEY, "web");
  CK_OBJECT_HANDLE public_key = application_find(&application, CKO_PUBLIC_KEY, "web");
  for (size_t i = 0; i < COUNT(attributes); i++)
    assert_int_equal(attribute_of(&application, private_key, attributes[i].type), attributes[i].value);
  assert_int_equal(attribute_of(&application, public_key, CKA_VERIFY), CK_TRUE);
  assert_int_equal(attribute_of(&application, public_key, CKA_TOKEN), CK_TRUE);
  CK_BYTE id[2][64];
  CK_ATTRIBUTE a = {CKA_ID, id[0], 64};
  assert_int_equal(application.f->C_GetAttributeValue(application.session, private_key, &a, 1), CKR_OK);
  CK_ATTRIBUTE b = {CKA_ID, id[1], 64};
  assert_int_equal(application.f->C_GetAttributeValue(application.session, public_key, &b, 1), CKR_OK);
  assert_int_equal(a.ulValueLen, 16);
  assert_int_equal(b.ulValueLen, 16);
  assert_memory_equal(id[0], id[1], 16);
  token_leave(&application);
  kg_key_close(&key);
}

static void a_made_key_has_the_uris_id(void **state) {
  struct token *token = *state;
  char *pin = kg_softhsm_write(token->softhsm, "pin", KG_SOFTHSM_PIN, 0600), uri[512];
  snprintf(uri, sizeof uri, "pkcs11:token=t;id=%%00%%01%%02?module-path=%s&pin-source=%s", KG_FAKE_TOKEN, pin);
  struct kg_error error;
  assert_int_equal(token_try(uri, KG_KEY_CREATE, &error), KG_OK);
  assert_int_equal(token_try(uri, 0, &error), KG_OK);
  snprintf(uri, sizeof uri, "pkcs11:token=t;id=%%00%%01%%03?module-path=%s&pin-source=%s", KG_FAKE_TOKEN, pin);
  assert_int_equal(token_try(uri, 0, &error), KG_E_KEY_NOT_FOUND);
  free(pin);
}

/* One signature, judged by OpenSSL and by the token; a changed bit of it is no signature. */
static void check(struct kg_key *key, struct kg_sign_params params, struct kg_span input) {
  const struct kg_key_info *info = kg_key_info(key);
  unsigned char signature[KG_SIGNATURE_MAX];
  memset(signature, 0, sizeof signature);
  struct kg_error error;
  if (kg_key_sign(key, &params, input, signature, &error) != KG_OK) fail_msg("%s", error.text);
  if (!token_verify(info, &params, input, signature))
    fail_msg("padding %d, hash %d, salt %zu", params.padding, params.hash, params.salt_len);
  assert_int_equal(kg_key_verify(key, &params, input, kg_span_of(signature, info->bits / 8), &error), KG_OK);
  signature[7] ^= 0x10;
  assert_false(token_verify(info, &params, input, signature));
  assert_int_equal(kg_key_verify(key, &params, input, kg_span_of(signature, info->bits / 8), &error), KG_E_SIGNATURE);
  assert_int_equal(error.status, KG_E_SIGNATURE);
}

static void check_all(struct kg_key *key) {
  static const struct {
    enum kg_hash hash;
    size_t size;
  } hashes[] = {{KG_HASH_SHA256, 32}, {KG_HASH_SHA384, 48}, {KG_HASH_SHA512, 64}};
  unsigned char digest[64];
  for (size_t i = 0; i < sizeof digest; i++)
    digest[i] = (unsigned char)(i * 7 + 1);
  unsigned char raw[KG_SIGNATURE_MAX];
  memset(raw, 0xab, sizeof raw);
  unsigned char info[KG_DIGEST_INFO_MAX];
  for (size_t i = 0; i < COUNT(hashes); i++) {
    struct kg_span input = kg_span_of(digest, hashes[i].size);
    size_t most = kg_key_info(key)->bits / 8 - hashes[i].size - 2;
    check(key, (struct kg_sign_params){KG_PADDING_PKCS1, hashes[i].hash, 0}, input);
    check(key, (struct kg_sign_params){KG_PADDING_PSS, hashes[i].hash, hashes[i].size}, input);
    check(key, (struct kg_sign_params){KG_PADDING_PSS, hashes[i].hash, 0}, input);
    check(key, (struct kg_sign_params){KG_PADDING_PSS, hashes[i].hash, most}, input);
    struct kg_span wrapped = kg_span_of(info, kg_digest_info_format(hashes[i].hash, input, info));
    check(key, (struct kg_sign_params){KG_PADDING_PKCS1, KG_HASH_NONE, 0}, wrapped);
  }
  check(key, (struct kg_sign_params){KG_PADDING_PKCS1, KG_HASH_NONE, 0}, kg_span_of(raw, 36));
  check(key, (struct kg_sign_params){KG_PADDING_PKCS1, KG_HASH_NONE, 0},
        kg_span_of(raw, kg_key_info(key)->bits / 8 - 11));
}

static void every_signature_satisfies_openssl(void **state) {
  struct kg_key *key = token_open_object(*state, "web");
  check_all(key);
  assert_int_equal(kg_key_probe(key, NULL), KG_OK);
  kg_key_close(&key);
}

/* A named hash must give the very signature that its DigestInfo gives: PKCS#1 v1.5 has no chance in it. */
static void a_named_hash_is_its_digest_info(void **state) {
  struct kg_key *key = token_open_object(*state, "web");
  unsigned char digest[32] = {9}, info[KG_DIGEST_INFO_MAX], named[KG_SIGNATURE_MAX];
  struct kg_sign_params params = {KG_PADDING_PKCS1, KG_HASH_SHA256, 0};
  size_t len = kg_digest_info_format(KG_HASH_SHA256, kg_span_of(digest, 32), info);
  assert_int_equal(kg_key_sign(key, &params, kg_span_of(digest, 32), named, NULL), KG_OK);
  params.hash = KG_HASH_NONE;
  unsigned char wrapped[KG_SIGNATURE_MAX];
  assert_int_equal(kg_key_sign(key, &params, kg_span_of(info, len), wrapped, NULL), KG_OK);
  assert_memory_equal(named, wrapped, 256);
  kg_key_close(&key);
}

static void larger_keys_work_to_4096_bits(void **state) {
  static const CK_ULONG sizes[] = {3072, 4096};
  struct application application;
  for (size_t i = 0; i < COUNT(sizes); i++) {
    char name[16];
    snprintf(name, sizeof name, "k%lu", (unsigned long)sizes[i]);
    token_enter(*state, "t", &application);
    application_generate(&application, name, sizes[i], NULL, 0);
    token_leave(&application);
    struct kg_key *key = token_open_object(*state, name);
    assert_int_equal(kg_key_info(key)->bits, sizes[i]);
    assert_false(kg_key_info(key)->created);
    check_all(key);
    kg_key_close(&key);
  }
}

static void refused_key(struct token *token, const char *object, const char *because) {
  char *uri = token_uri(token, object);
  struct kg_error error;
  assert_int_equal(token_try(uri, KG_KEY_CREATE, &error), KG_E_KEY_MECHANISM);
  if (strstr(error.text, because) == NULL) fail_msg("%s", error.text);
  free(uri);
}

static void other_keys_are_refused_and_not_replaced(void **state) {
  CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07}; /* OID prime256v1 */
  CK_BBOOL no = CK_FALSE, yes = CK_TRUE;
  char name[] = "ec";
  CK_ATTRIBUTE public_ec[] = {{CKA_EC_PARAMS, p256, sizeof p256}, {CKA_TOKEN, &yes, 1}, {CKA_LABEL, name, 2}};
  CK_ATTRIBUTE private_ec[] = {{CKA_TOKEN, &yes, 1}, {CKA_PRIVATE, &yes, 1}, {CKA_LABEL, name, 2}};
  CK_ATTRIBUTE silent = {CKA_SIGN, &no, sizeof no};
  struct application application;
  token_enter(*state, "t", &application);
  application_generate(&application, "short", 1024, NULL, 0);
  application_generate(&application, "odd", 2052, NULL, 0);
  application_generate(&application, "long", 4104, NULL, 0);
  application_generate(&application, "silent", 2048, &silent, 1);
  CK_OBJECT_HANDLE handles[2];
  CK_MECHANISM ec = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
  assert_int_equal(
      application.f->C_GenerateKeyPair(application.session, &ec, public_ec, 3, private_ec, 3, &handles[0], &handles[1]),
      CKR_OK);
  token_leave(&application);
  refused_key(*state, "short", "2048 to 4096");
  refused_key(*state, "odd", "2048 to 4096");
  refused_key(*state, "long", "longer than 4096");
  refused_key(*state, "silent", "CKA_SIGN");
  refused_key(*state, "ec", "not an RSA key");
}

static void two_keys_of_one_name_are_an_error_that_names_both(void **state) {
  struct token *token = *state;
  struct application application;
  char *uri = token_uri(token, "twin"), *pin = kg_softhsm_write(token->softhsm, "pin", KG_SOFTHSM_PIN, 0600);
  token_enter(token, "t", &application);
  application_generate(&application, "twin", 2048, NULL, 0);
  CK_OBJECT_HANDLE first = application_find(&application, CKO_PRIVATE_KEY, "twin");
  CK_BYTE id[8];
  CK_ATTRIBUTE attribute = {CKA_ID, id, sizeof id};
  assert_int_equal(application.f->C_GetAttributeValue(application.session, first, &attribute, 1), CKR_OK);
  application_generate(&application, "twin", 2048, NULL, 0);
  token_leave(&application);
  struct kg_error error;
  assert_int_equal(token_try(uri, KG_KEY_CREATE, &error), KG_E_CONFIG);
  assert_non_null(strstr(error.text, "two private keys"));
  char both[512];
  snprintf(both, sizeof both, "%02x%02x%02x%02x%02x%02x%02x%02x", id[0], id[1], id[2], id[3], id[4], id[5], id[6],
           id[7]);
  if (strstr(error.text, both) == NULL) fail_msg("%s does not name %s", error.text, both);
  snprintf(
      both, sizeof both,
      "pkcs11:token=t;object=twin;id=%%%02x%%%02x%%%02x%%%02x%%%02x%%%02x%%%02x%%%02x?module-path=%s&pin-source=%s",
      id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7], KG_FAKE_TOKEN, pin);
  assert_int_equal(token_try(both, 0, &error), KG_OK);
  free(uri);
  free(pin);
}

static void two_tokens_are_an_error_that_names_both(void **state) {
  struct token *token = *state;
  char *pin = kg_softhsm_write(token->softhsm, "pin", KG_SOFTHSM_PIN, 0600);
  kg_softhsm_add_token(token->softhsm, "u");
  char uri[512];
  snprintf(uri, sizeof uri, "pkcs11:object=web?module-path=%s&pin-source=%s", KG_FAKE_TOKEN, pin);
  struct kg_error error;
  assert_int_equal(token_try(uri, KG_KEY_CREATE, &error), KG_E_CONFIG);
  assert_non_null(strstr(error.text, "two tokens"));
  assert_non_null(strstr(error.text, "\"t\" serial"));
  assert_non_null(strstr(error.text, "\"u\" serial"));
  snprintf(uri, sizeof uri, "pkcs11:token=u;object=web?module-path=%s&pin-source=%s", KG_FAKE_TOKEN, pin);
  assert_int_equal(token_try(uri, KG_KEY_CREATE, &error), KG_OK);
  snprintf(uri, sizeof uri, "pkcs11:token=nobody;object=web?module-path=%s&pin-source=%s", KG_FAKE_TOKEN, pin);
  assert_int_equal(token_try(uri, KG_KEY_CREATE, &error), KG_E_KEY_NOT_FOUND);
  assert_non_null(strstr(error.text, "nobody"));
  free(pin);
}

static void a_deleted_key_is_gone_for_every_handle(void **state) {
  char *uri = token_uri(*state, "web");
  struct kg_key *key = token_open(uri), *other = token_open(uri);
  token_sign(other, 1);
  struct kg_error error;
  assert_int_equal(kg_key_delete(&key, &error), KG_OK);
  assert_null(key);
  assert_int_equal(token_try_sign(other, &error), KG_E_KEY_DEAD);
  assert_int_equal(error.status, KG_E_KEY_DEAD);
  assert_int_equal(kg_key_probe(other, &error), KG_E_KEY_DEAD);
  assert_int_equal(kg_key_delete(&other, &error), KG_E_KEY_NOT_FOUND);
  assert_int_equal(token_try(uri, 0, &error), KG_E_KEY_NOT_FOUND);
  struct application application;
  token_enter(*state, "t", &application);
  assert_int_equal(application_find(&application, CKO_PUBLIC_KEY, "web"), 0);
  token_leave(&application);
  kg_key_close(&other);
  free(uri);
}

static void another_key_of_the_same_name_does_not_sign_for_it(void **state) {
  char *uri = token_uri(*state, "web");
  struct kg_key *old = token_open(uri), *deleted = token_open(uri);
  token_sign(old, 1);
  struct kg_error error;
  assert_int_equal(kg_key_delete(&deleted, &error), KG_OK);
  struct kg_key *fresh = token_open(uri);
  assert_int_equal(token_try_sign(old, &error), KG_E_KEY_DEAD);
  assert_int_equal(kg_key_delete(&old, &error), KG_E_KEY_DEAD);
  token_sign(fresh, 2);
  kg_key_close(&old);
  kg_key_close(&fresh);
  free(uri);
}

static void without_a_public_key_object_nothing_is_verified(void **state) {
  struct token *token = *state;
  struct kg_key *key = token_open_object(token, "web");
  kg_key_close(&key);
  atomic_store(&token->fake->no_public_key, true);
  key = token_open_object(token, "web");
  assert_int_equal(kg_key_info(key)->capabilities & KG_CAN_VERIFY, 0);
  assert_int_equal(kg_key_info(key)->modulus.len, 256);
  token_sign(key, 1);
  assert_int_equal(kg_key_probe(key, NULL), KG_OK);
  unsigned char digest[32] = {0}, signature[256] = {0};
  struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 32};
  assert_int_equal(kg_key_verify(key, &params, kg_span_of(digest, 32), kg_span_of(signature, 256), NULL),
                   KG_E_KEY_MECHANISM);
  kg_key_close(&key);
}

static void a_store_without_pss_says_so(void **state) {
  struct token *token = *state;
  atomic_store(&token->fake->no_pss, true);
  struct kg_key *key = token_open_object(token, "web");
  assert_int_equal(kg_key_info(key)->capabilities, KG_CAN_SIGN_PKCS1 | KG_CAN_VERIFY | KG_CAN_PKCS1_ANY_INPUT);
  struct kg_error error;
  assert_int_equal(token_try_sign(key, &error), KG_E_KEY_MECHANISM);
  assert_int_equal(kg_key_probe(key, &error), KG_E_KEY_MECHANISM);
  struct kg_sign_params params = {KG_PADDING_PKCS1, KG_HASH_SHA256, 0};
  unsigned char digest[32] = {0};
  check(key, params, kg_span_of(digest, 32));
  kg_key_close(&key);
}

static void a_keys_allowed_mechanisms_are_kept(void **state) {
  CK_MECHANISM_TYPE allowed[] = {CKM_RSA_PKCS_PSS};
  struct application application;
  token_enter(*state, "t", &application);
  CK_ATTRIBUTE attribute = {CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed};
  application_generate(&application, "only", 2048, &attribute, 1);
  token_leave(&application);
  struct kg_key *key = token_open_object(*state, "only");
  assert_int_equal(kg_key_info(key)->capabilities, KG_CAN_SIGN_PSS | KG_CAN_VERIFY | KG_CAN_PSS_ANY_SALT);
  token_sign(key, 1);
  kg_key_close(&key);
}

static void a_token_of_one_salt_length_is_found_out(void **state) {
  struct token *token = *state;
  atomic_store(&token->fake->salt_is_hash, true);
  struct kg_key *key = token_open_object(token, "web");
  assert_int_equal(kg_key_info(key)->capabilities & KG_CAN_PSS_ANY_SALT, 0);
  token_sign(key, 1);
  struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 20};
  unsigned char digest[32] = {0}, signature[KG_SIGNATURE_MAX];
  assert_int_equal(kg_key_sign(key, &params, kg_span_of(digest, 32), signature, NULL), KG_E_KEY_MECHANISM);
  kg_key_close(&key);
}

static void a_key_that_asks_for_the_pin_each_time_gets_it(void **state) {
  struct token *token = *state;
  CK_BBOOL yes = CK_TRUE;
  CK_ATTRIBUTE attribute = {CKA_ALWAYS_AUTHENTICATE, &yes, sizeof yes};
  struct application application;
  token_enter(token, "t", &application);
  application_generate(&application, "strict", 2048, &attribute, 1);
  token_leave(&application);
  struct kg_key *key = token_open_object(token, "strict");
  assert_int_equal(kg_key_info(key)->capabilities & KG_CAN_PSS_ANY_SALT, 0);
  int logins = atomic_load(&token->fake->logins);
  for (unsigned char i = 0; i < 3; i++)
    token_sign(key, i);
  assert_int_equal(atomic_load(&token->fake->logins), logins + 3);
  kg_key_close(&key);
}

static void probe_finds_a_token_that_signs_garbage(void **state) {
  struct token *token = *state;
  struct kg_key *key = token_open_object(token, "web");
  struct kg_error error;
  assert_int_equal(kg_key_probe(key, &error), KG_OK);
  atomic_store(&token->fake->wrong_signature, true);
  assert_int_equal(kg_key_probe(key, &error), KG_E_KEY_DEAD);
  assert_int_equal(error.native_code, CKR_SIGNATURE_INVALID);
  kg_key_close(&key);
}

/* The operation that a failed C_Sign may leave behind must not meet the next signature. */
static void a_failed_signature_does_not_spoil_the_next(void **state) {
  static const CK_RV failures[] = {CKR_DEVICE_ERROR,   CKR_FUNCTION_FAILED,  CKR_GENERAL_ERROR, CKR_HOST_MEMORY,
                                   CKR_DATA_LEN_RANGE, CKR_BUFFER_TOO_SMALL, 0x80001234UL};
  struct token *token = *state;
  struct kg_key *key = token_open_object(token, "web");
  for (size_t i = 0; i < COUNT(failures); i++) {
    atomic_store(&token->fake->fail_sign, failures[i]);
    struct kg_error error;
    assert_int_not_equal(token_try_sign(key, &error), KG_OK);
    assert_int_equal(error.native_code, failures[i]);
    assert_non_null(strstr(error.text, "C_Sign"));
    token_sign(key, 1);
  }
  kg_key_close(&key);
}

static void codes_have_statuses_and_names(void **state) {
  static const struct {
    CK_RV rv;
    enum kg_status status;
    const char *text;
  } cases[] = {{CKR_DEVICE_ERROR, KG_E_KEY_STORE, "C_SignInit: CKR_DEVICE_ERROR (0x30)"},
               {CKR_DEVICE_REMOVED, KG_E_KEY_DEAD, "C_SignInit: CKR_DEVICE_REMOVED (0x32)"},
               {CKR_TOKEN_NOT_PRESENT, KG_E_KEY_DEAD, "CKR_TOKEN_NOT_PRESENT"},
               {CKR_KEY_HANDLE_INVALID, KG_E_KEY_DEAD, "CKR_KEY_HANDLE_INVALID"},
               {CKR_OBJECT_HANDLE_INVALID, KG_E_KEY_DEAD, "CKR_OBJECT_HANDLE_INVALID"},
               {CKR_MECHANISM_INVALID, KG_E_KEY_MECHANISM, "CKR_MECHANISM_INVALID"},
               {CKR_MECHANISM_PARAM_INVALID, KG_E_KEY_MECHANISM, "CKR_MECHANISM_PARAM_INVALID"},
               {CKR_KEY_FUNCTION_NOT_PERMITTED, KG_E_KEY_MECHANISM, "CKR_KEY_FUNCTION_NOT_PERMITTED"},
               {CKR_USER_NOT_LOGGED_IN, KG_E_KEY_PIN, "CKR_USER_NOT_LOGGED_IN"},
               {CKR_HOST_MEMORY, KG_E_NO_MEMORY, "CKR_HOST_MEMORY"},
               {CKR_DEVICE_MEMORY, KG_E_KEY_BUSY, "CKR_DEVICE_MEMORY"},
               {0x80004b47UL, KG_E_KEY_STORE, "C_SignInit: an unknown code (0x80004b47)"}};
  struct token *token = *state;
  struct kg_key *key = token_open_object(token, "web");
  for (size_t i = 0; i < COUNT(cases); i++) {
    atomic_store(&token->fake->fail_sign_init, cases[i].rv);
    struct kg_error error;
    assert_int_equal(token_try_sign(key, &error), cases[i].status);
    assert_int_equal(error.native_code, cases[i].rv);
    if (strstr(error.text, cases[i].text) == NULL) fail_msg("%s", error.text);
  }
  atomic_store(&token->fake->fail_sign_init, CKR_OK);
  token_sign(key, 1);
  kg_key_close(&key);
}

static enum kg_strength strength_of(struct token *token, const char *object) {
  struct kg_key *key = token_open_object(token, object);
  enum kg_strength strength = kg_key_info(key)->strength;
  kg_key_close(&key);
  return strength;
}

static void only_what_a_hardware_token_made_and_keeps_is_hardware(void **state) {
  struct token *token = *state;
  CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
  CK_ATTRIBUTE leaky[] = {{CKA_EXTRACTABLE, &yes, sizeof yes}, {CKA_SENSITIVE, &no, sizeof no}};
  struct application application;
  token_enter(token, "t", &application);
  application_generate(&application, "leaky", 2048, leaky, 2);
  token_leave(&application);
  assert_int_equal(strength_of(token, "web"), KG_STRENGTH_SOFTWARE);
  atomic_store(&token->fake->hardware_slot, true); /* SoftHSM stays software, whatever its slot says */
  assert_int_equal(strength_of(token, "web"), KG_STRENGTH_SOFTWARE);
  atomic_store(&token->fake->token_manufacturer, "ACME");
  assert_int_equal(strength_of(token, "web"), KG_STRENGTH_HARDWARE);
  assert_int_equal(strength_of(token, "leaky"), KG_STRENGTH_SOFTWARE);
  atomic_store(&token->fake->hardware_slot, false);
  assert_int_equal(strength_of(token, "web"), KG_STRENGTH_SOFTWARE);
  atomic_store(&token->fake->description, "TPM2.0 Cryptoki");
  assert_int_equal(strength_of(token, "web"), KG_STRENGTH_HARDWARE);
  assert_int_equal(strength_of(token, "leaky"), KG_STRENGTH_SOFTWARE);
}

/* What could not be made must not be taken for made, nor stand in the way of the next try. */
static void a_key_that_could_not_be_made_is_made_next_time(void **state) {
  struct token *token = *state;
  char *uri = token_uri(token, "web");
  atomic_store(&token->fake->fail_generate, CKR_DEVICE_ERROR);
  struct kg_error error;
  assert_int_equal(token_try(uri, KG_KEY_CREATE, &error), KG_E_KEY_STORE);
  assert_non_null(strstr(error.text, "C_GenerateKeyPair"));
  atomic_store(&token->fake->fail_generate, CKR_OK);
  atomic_store(&token->fake->fail_random, CKR_RANDOM_NO_RNG);
  assert_int_equal(token_try(uri, KG_KEY_CREATE, &error), KG_E_KEY_STORE);
  assert_non_null(strstr(error.text, "C_GenerateRandom"));
  atomic_store(&token->fake->fail_random, CKR_OK);
  assert_int_equal(token_try(uri, 0, &error), KG_E_KEY_NOT_FOUND);
  assert_int_equal(token_try(uri, KG_KEY_CREATE, &error), KG_OK);
  assert_int_equal(atomic_load(&token->fake->open), 0);
  free(uri);
}

/* A token that cannot be read is not one that is missing: nothing is made, and nothing is called dead. */
static void an_unreadable_token_is_not_a_missing_one(void **state) {
  struct token *token = *state;
  char *uri = token_uri(token, "web");
  struct kg_key *key = token_open(uri);
  kg_key_close(&key);
  atomic_store(&token->fake->fail_token_info, CKR_DEVICE_ERROR);
  struct kg_error error;
  assert_int_equal(token_try(uri, KG_KEY_CREATE, &error), KG_E_KEY_STORE);
  assert_non_null(strstr(error.text, "C_GetTokenInfo: CKR_DEVICE_ERROR"));
  atomic_store(&token->fake->fail_token_info, CKR_TOKEN_NOT_PRESENT);
  assert_int_equal(token_try(uri, KG_KEY_CREATE, &error), KG_E_KEY_NOT_FOUND);
  atomic_store(&token->fake->fail_token_info, CKR_OK);
  assert_int_equal(token_try(uri, 0, &error), KG_OK);
  free(uri);
}

/* Pulled out after it was opened, and a new session is needed. */
static void a_token_that_was_pulled_out_is_dead(void **state) {
  struct token *token = *state;
  struct kg_key *key = token_open_object(token, "web");
  atomic_store(&token->fake->fail_sign, CKR_DEVICE_REMOVED);
  struct kg_error error;
  assert_int_equal(token_try_sign(key, &error), KG_E_KEY_DEAD); /* and its session is dropped */
  atomic_store(&token->fake->fail_token_info, CKR_TOKEN_NOT_PRESENT);
  assert_int_equal(token_try_sign(key, &error), KG_E_KEY_DEAD);
  assert_non_null(strstr(error.text, "gone"));
  atomic_store(&token->fake->fail_token_info, CKR_OK);
  token_sign(key, 1);
  kg_key_close(&key);
}

/* The module knows from the binding what the key can do. */
static void opening_without_a_trial_makes_no_signature(void **state) {
  struct token *token = *state;
  char *uri = token_uri(token, "web");
  struct kg_key *key = token_open(uri);
  kg_key_close(&key);
  atomic_store(&token->fake->signatures, 0);
  atomic_store(&token->fake->salt_is_hash, true);
  struct kg_error error;
  assert_int_equal(open_key_of(uri, KG_KEY_NO_TRIAL, &key, &error), KG_OK);
  assert_int_equal(atomic_load(&token->fake->signatures), 0);
  assert_int_equal(kg_key_info(key)->capabilities & KG_CAN_PSS_ANY_SALT, KG_CAN_PSS_ANY_SALT);
  unsigned char digest[32] = {0}, signature[KG_SIGNATURE_MAX];
  struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 20};
  assert_int_equal(kg_key_sign(key, &params, kg_span_of(digest, 32), signature, &error), KG_E_KEY_MECHANISM);
  token_sign(key, 1);
  kg_key_close(&key);
  free(uri);
}

/* OpenSSL's error queue of the thread is the host's; SoftHSM2 leaves errors in it where all is well. Past the fake
 * library, which needs no libcrypto itself. */
static void the_hosts_openssl_errors_are_left_alone(void **state) {
  struct token *token = *state;
  char *uri = kg_softhsm_uri(token->softhsm, NULL, "t", "web");
  ERR_clear_error();
  struct kg_key *key = token_open(uri);
  token_sign(key, 1);
  assert_int_equal(ERR_peek_error(), 0);
  kg_key_close(&key);
  assert_int_equal(ERR_peek_error(), 0);
  ERR_raise(ERR_LIB_USER, 7);
  key = token_open(uri);
  token_sign(key, 1);
  kg_key_close(&key);
  assert_int_equal(ERR_GET_REASON(ERR_get_error()), 7);
  assert_int_equal(ERR_peek_error(), 0);
  free(uri);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      TOKEN_CASE("/store/a_missing_key_is_made_only_when_asked_for", a_missing_key_is_made_only_when_asked_for),
      TOKEN_CASE("/store/a_key_that_is_there_is_never_replaced", a_key_that_is_there_is_never_replaced),
      TOKEN_CASE("/store/a_made_key_signs_and_does_nothing_else", a_made_key_signs_and_does_nothing_else),
      TOKEN_CASE("/store/a_made_key_has_the_uris_id", a_made_key_has_the_uris_id),
      TOKEN_CASE("/store/every_signature_satisfies_openssl", every_signature_satisfies_openssl),
      TOKEN_CASE("/store/a_named_hash_is_its_digest_info", a_named_hash_is_its_digest_info),
      TOKEN_CASE("/store/larger_keys_work_to_4096_bits", larger_keys_work_to_4096_bits),
      TOKEN_CASE("/store/other_keys_are_refused_and_not_replaced", other_keys_are_refused_and_not_replaced),
      TOKEN_CASE("/store/two_keys_of_one_name_are_an_error_that_names_both",
                 two_keys_of_one_name_are_an_error_that_names_both),
      TOKEN_CASE("/store/two_tokens_are_an_error_that_names_both", two_tokens_are_an_error_that_names_both),
      TOKEN_CASE("/store/a_deleted_key_is_gone_for_every_handle", a_deleted_key_is_gone_for_every_handle),
      TOKEN_CASE("/store/another_key_of_the_same_name_does_not_sign_for_it",
                 another_key_of_the_same_name_does_not_sign_for_it),
      TOKEN_CASE("/store/without_a_public_key_object_nothing_is_verified",
                 without_a_public_key_object_nothing_is_verified),
      TOKEN_CASE("/store/a_store_without_pss_says_so", a_store_without_pss_says_so),
      TOKEN_CASE("/store/a_keys_allowed_mechanisms_are_kept", a_keys_allowed_mechanisms_are_kept),
      TOKEN_CASE("/store/a_token_of_one_salt_length_is_found_out", a_token_of_one_salt_length_is_found_out),
      TOKEN_CASE("/store/a_key_that_asks_for_the_pin_each_time_gets_it", a_key_that_asks_for_the_pin_each_time_gets_it),
      TOKEN_CASE("/store/probe_finds_a_token_that_signs_garbage", probe_finds_a_token_that_signs_garbage),
      TOKEN_CASE("/store/a_failed_signature_does_not_spoil_the_next", a_failed_signature_does_not_spoil_the_next),
      TOKEN_CASE("/store/codes_have_statuses_and_names", codes_have_statuses_and_names),
      TOKEN_CASE("/store/only_what_a_hardware_token_made_and_keeps_is_hardware",
                 only_what_a_hardware_token_made_and_keeps_is_hardware),
      TOKEN_CASE("/store/an_unreadable_token_is_not_a_missing_one", an_unreadable_token_is_not_a_missing_one),
      TOKEN_CASE("/store/a_token_that_was_pulled_out_is_dead", a_token_that_was_pulled_out_is_dead),
      TOKEN_CASE("/store/opening_without_a_trial_makes_no_signature", opening_without_a_trial_makes_no_signature),
      TOKEN_CASE("/store/the_hosts_openssl_errors_are_left_alone", the_hosts_openssl_errors_are_left_alone),
      TOKEN_CASE("/store/a_key_that_could_not_be_made_is_made_next_time",
                 a_key_that_could_not_be_made_is_made_next_time),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
