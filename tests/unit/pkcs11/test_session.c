#include "pkcs11/session.h"

#include "sample.h"
#include "tests/support/unit.h"

#include <string.h>

static struct kg_identity identity;
static struct kg_slot slot;
static struct kg_session session;
static struct kg_error error;

static int begin(void **state) {
  struct kg_binding *binding = sample_binding("web", 1, 1);
  (void)state;
  identity = sample_identity("web");
  memset(&session, 0, sizeof session);
  memset(&error, 0, sizeof error);
  slot.identity = &identity;
  slot.refresh.clock = &sample_clock;
  session.slot = &slot;
  session.opened_ms = sample_elapsed_ms;
  kg_mutex_init(&session.mutex);
  return kg_generation_new(&identity, &binding, NULL, &session.view.now, NULL) == KG_OK ? 0 : -1;
}

static int end(void **state) {
  (void)state;
  kg_operation_clear(&session.sign);
  kg_generation_unref(&session.view.now);
  kg_mutex_destroy(&session.mutex);
  return 0;
}

static struct kg_operation fresh(CK_MECHANISM_TYPE type) {
  struct kg_operation operation = {0};
  operation.mechanism = kg_mechanism_find(type, &session.view.now->limits);
  operation.generation = kg_generation_ref(session.view.now);
  if (operation.mechanism->hash != KG_HASH_NONE) kg_hash_init(&operation.hash, operation.mechanism->hash);
  return operation;
}

static CK_RV start(CK_MECHANISM_TYPE type) {
  struct kg_operation operation = fresh(type);
  return kg_session_begin(&session, &session.sign, &operation, &error);
}

static void a_second_init_is_refused_and_told_once(void **state) {
  (void)state;
  assert_int_equal(start(CKM_RSA_PKCS), CKR_OK);
  sample_elapsed_ms += 90000;
  assert_int_equal(start(CKM_RSA_PKCS), CKR_OPERATION_ACTIVE);
  assert_non_null(strstr(error.text, "90 s"));
  kg_error_clear(&error);
  assert_int_equal(start(CKM_RSA_PKCS), CKR_OPERATION_ACTIVE);
  assert_int_equal(error.status, KG_OK);
  assert_int_equal(session.sign.mechanism->type, CKM_RSA_PKCS);
}

static void cancel_ends_it_and_may_be_repeated(void **state) {
  (void)state;
  assert_int_equal(start(CKM_SHA256_RSA_PKCS), CKR_OK);
  kg_session_cancel(&session, &session.sign);
  kg_session_cancel(&session, &session.sign);
  assert_null(session.sign.mechanism);
  assert_int_equal(start(CKM_SHA256_RSA_PKCS), CKR_OK);
}

static void single_part_mechanisms_take_no_parts(void **state) {
  (void)state;
  assert_int_equal(start(CKM_RSA_PKCS_PSS), CKR_OK);
  assert_int_equal(kg_session_update(&session, &session.sign, (const CK_BYTE *)"x", 1), CKR_OPERATION_NOT_INITIALIZED);
  assert_null(session.sign.mechanism);
}

static void bad_part_ends_the_operation(void **state) {
  (void)state;
  assert_int_equal(start(CKM_SHA256_RSA_PKCS), CKR_OK);
  assert_int_equal(kg_session_update(&session, &session.sign, NULL, 0), CKR_OK);
  assert_int_equal(kg_session_update(&session, &session.sign, NULL, 1), CKR_ARGUMENTS_BAD);
  assert_null(session.sign.mechanism);
}

static void queries_leave_it_and_the_real_call_takes_it(void **state) {
  (void)state;
  assert_int_equal(start(CKM_RSA_PKCS), CKR_OK);
  CK_ULONG len = 77;
  struct kg_operation taken;
  assert_int_equal(kg_session_take_for(&session, &session.sign, KG_END_ONCE, NULL, &len, &taken), CKR_OK);
  assert_int_equal(len, 256);
  assert_null(taken.mechanism);
  len = 255;
  CK_BYTE buffer[256];
  assert_int_equal(kg_session_take_for(&session, &session.sign, KG_END_ONCE, buffer, &len, &taken),
                   CKR_BUFFER_TOO_SMALL);
  assert_int_equal(len, 256);
  assert_non_null(session.sign.mechanism);
  assert_int_equal(kg_session_take_for(&session, &session.sign, KG_END_ONCE, buffer, &len, &taken), CKR_OK);
  assert_non_null(taken.mechanism);
  assert_null(session.sign.mechanism);
  kg_operation_clear(&taken);
  assert_int_equal(kg_session_take_for(&session, &session.sign, KG_END_ONCE, buffer, &len, &taken),
                   CKR_OPERATION_NOT_INITIALIZED);
}

static void no_length_ends_the_operation(void **state) {
  (void)state;
  assert_int_equal(start(CKM_RSA_PKCS), CKR_OK);
  struct kg_operation taken;
  assert_int_equal(kg_session_take_for(&session, &session.sign, KG_END_ONCE, NULL, NULL, &taken), CKR_ARGUMENTS_BAD);
  assert_null(session.sign.mechanism);
}

static void once_does_not_end_what_has_parts(void **state) {
  (void)state;
  assert_int_equal(start(CKM_SHA256_RSA_PKCS), CKR_OK);
  assert_int_equal(kg_session_update(&session, &session.sign, (const CK_BYTE *)"x", 1), CKR_OK);
  struct kg_operation taken;
  assert_int_equal(kg_session_take(&session, &session.sign, KG_END_ONCE, &taken), CKR_OPERATION_NOT_INITIALIZED);
  assert_null(session.sign.mechanism);
  assert_int_equal(start(CKM_RSA_PKCS), CKR_OK);
  assert_int_equal(kg_session_take(&session, &session.sign, KG_END_FINAL, &taken), CKR_OPERATION_NOT_INITIALIZED);
}

static void nothing_of_the_data_stays_in_the_session(void **state) {
  static const struct kg_operation nothing;
  (void)state;
  assert_int_equal(start(CKM_SHA512_RSA_PKCS), CKR_OK);
  assert_int_equal(kg_session_update(&session, &session.sign, (const CK_BYTE *)"secret", 6), CKR_OK);
  struct kg_operation taken;
  assert_int_equal(kg_session_take(&session, &session.sign, KG_END_FINAL, &taken), CKR_OK);
  assert_memory_equal(&session.sign, &nothing, sizeof nothing);
  kg_operation_clear(&taken);
  assert_memory_equal(&taken, &nothing, sizeof nothing);
}

#define WITH_SESSION(path, function)                                                                                   \
  { path, function, begin, end, NULL }

int main(void) {
  const struct CMUnitTest cases[] = {
      WITH_SESSION("/session/a_second_init_is_refused_and_told_once", a_second_init_is_refused_and_told_once),
      WITH_SESSION("/session/cancel_ends_it_and_may_be_repeated", cancel_ends_it_and_may_be_repeated),
      WITH_SESSION("/session/single_part_mechanisms_take_no_parts", single_part_mechanisms_take_no_parts),
      WITH_SESSION("/session/bad_part_ends_the_operation", bad_part_ends_the_operation),
      WITH_SESSION("/session/queries_leave_it_and_the_real_call_takes_it", queries_leave_it_and_the_real_call_takes_it),
      WITH_SESSION("/session/no_length_ends_the_operation", no_length_ends_the_operation),
      WITH_SESSION("/session/once_does_not_end_what_has_parts", once_does_not_end_what_has_parts),
      WITH_SESSION("/session/nothing_of_the_data_stays_in_the_session", nothing_of_the_data_stays_in_the_session),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
