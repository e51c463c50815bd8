#include "pkcs11/lazy_key.h"

#include "keyguard/cryptoki.h"
#include "sample.h"
#include "tests/support/unit.h"

static int begin(void **state) {
  static const struct fake_key_store clean = {1, KG_OK, 0, 0, 0};
  fake_key_store = clean;
  *state = kg_lazy_key_new(NULL);
  return *state != NULL ? 0 : -1;
}

static int end(void **state) {
  struct kg_lazy_key *lazy = *state;
  kg_lazy_key_unref(&lazy);
  return fake_key_store.opened == fake_key_store.closed ? 0 : -1;
}

static enum kg_status get(struct kg_lazy_key *lazy, unsigned char key, struct kg_key **out) {
  struct kg_binding *binding = sample_binding("web", key, 1);
  struct kg_error error;
  enum kg_status status = kg_lazy_key_get(lazy, binding, out, &error);
  if (status != KG_OK) assert_int_equal(error.status, status);
  kg_binding_free(&binding);
  return status;
}

static void nothing_is_opened_before_it_is_asked_for(void **state) {
  struct kg_lazy_key *second = kg_lazy_key_ref(*state);
  kg_lazy_key_unref(&second);
  assert_null(second);
  assert_int_equal(fake_key_store.opened, 0);
}

static void it_is_opened_once_and_closed_with_the_last_reference(void **state) {
  struct kg_lazy_key *second = kg_lazy_key_ref(*state);
  struct kg_key *a = NULL;
  assert_int_equal(get(*state, 1, &a), KG_OK);
  struct kg_key *b = NULL;
  assert_int_equal(get(second, 1, &b), KG_OK);
  assert_ptr_equal(a, b);
  assert_int_equal(fake_key_store.opened, 1);
  kg_lazy_key_unref(&second);
  assert_int_equal(fake_key_store.closed, 0);
}

static void another_key_in_the_store_is_a_dead_key(void **state) {
  fake_key_store.key = 2;
  struct kg_key *key = NULL;
  assert_int_equal(get(*state, 1, &key), KG_E_KEY_DEAD);
  assert_null(key);
  assert_int_equal(kg_status_ckr(KG_E_KEY_DEAD), CKR_KEY_HANDLE_INVALID);
  assert_int_equal(fake_key_store.closed, 1);
}

static void a_failure_is_told_and_tried_again(void **state) {
  fake_key_store.on_open = KG_E_KEY_BUSY;
  struct kg_key *key = NULL;
  assert_int_equal(get(*state, 1, &key), KG_E_KEY_BUSY);
  fake_key_store.on_open = KG_E_KEY_NOT_FOUND;
  assert_int_equal(get(*state, 1, &key), KG_E_KEY_NOT_FOUND);
  fake_key_store.on_open = KG_OK;
  assert_int_equal(get(*state, 1, &key), KG_OK);
}

#define WITH_KEY(path, function)                                                                                       \
  { path, function, begin, end, NULL }

int main(void) {
  const struct CMUnitTest cases[] = {
      WITH_KEY("/lazy_key/nothing_is_opened_before_it_is_asked_for", nothing_is_opened_before_it_is_asked_for),
      WITH_KEY("/lazy_key/it_is_opened_once_and_closed_with_the_last_reference",
               it_is_opened_once_and_closed_with_the_last_reference),
      WITH_KEY("/lazy_key/another_key_in_the_store_is_a_dead_key", another_key_in_the_store_is_a_dead_key),
      WITH_KEY("/lazy_key/a_failure_is_told_and_tried_again", a_failure_is_told_and_tried_again),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
