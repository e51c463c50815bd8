/* The rows of this build: each keeps what its columns promise. */
#include "core/key/stores.h"

#include "core/key/registry.h"
#include "core/key/uri.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

static void every_row_is_whole(void **state) {
  (void)state;
  for (const struct kg_key_store *store = kg_key_stores; store->scheme != NULL; store++) {
    const struct kg_key_store_ops *ops = store->ops;
    assert_int_equal(store->scheme[strlen(store->scheme) - 1], ':');
    assert_true(store->parse != NULL && store->free_place != NULL);
    assert_true((ops == NULL) != (store->object == NULL));
    if (ops == NULL) continue;
    assert_true(ops->open != NULL && ops->sign != NULL && ops->destroy != NULL && ops->close != NULL);
    assert_int_equal(ops->verify != NULL, (store->traits & KG_STORE_VERIFIES) != 0);
    assert_int_equal(ops->native_handle != NULL, (store->traits & KG_STORE_NATIVE_HANDLE) != 0);
    const struct kg_key_store_ops *found = NULL;
    assert_int_equal(kg_key_store_require(store, &found, NULL), KG_OK);
    assert_ptr_equal(found, ops);
  }
}

static void no_scheme_is_the_beginning_of_another(void **state) {
  (void)state;
  for (const struct kg_key_store *a = kg_key_stores; a->scheme != NULL; a++)
    for (const struct kg_key_store *b = kg_key_stores; b->scheme != NULL; b++)
      assert_true(a == b || strncmp(a->scheme, b->scheme, strlen(a->scheme)) != 0);
}

/* A token's key may be somebody's only one, and outlives the machine's boots. */
static void a_tokens_key_is_never_replaced_unasked(void **state) {
  struct kg_key_uri *uri = NULL;
  (void)state;
  assert_int_equal(kg_key_uri_parse("pkcs11:object=web?module-path=/x.so", &uri, NULL), KG_OK);
  assert_true(kg_key_uri_has(uri, KG_STORE_VERIFIES));
  assert_false(kg_key_uri_has(uri, KG_STORE_REPLACES_DEAD));
  assert_false(kg_key_uri_has(uri, KG_STORE_PER_BOOT));
  assert_false(kg_key_uri_has(uri, KG_STORE_NATIVE_HANDLE));
  kg_key_uri_free(&uri);
}

static void stores_that_are_not_here_are_refused(void **state) {
  static const char *const texts[] = {"cng:", "cng:name=web", "tpm2:handle=0x81000100", "tpm2:"};
  (void)state;
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct kg_key_uri *uri = NULL;
    struct kg_error error = {0};
    assert_int_equal(kg_key_uri_parse(texts[i], &uri, &error), KG_E_USAGE);
    assert_null(uri);
    assert_string_equal(error.text, "must begin with the name of a key store that is here: pkcs11:");
  }
}

static void objects_lie_in_the_plugins_folder(void **state) {
  char *folder = kg_key_stores_folder();
  (void)state;
  assert_non_null(folder);
  assert_int_equal(folder[0], '/');
  assert_string_equal(strrchr(folder, '/'), "/keyguard");
  free(folder);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/stores/every_row_is_whole", every_row_is_whole),
      CASE("/stores/no_scheme_is_the_beginning_of_another", no_scheme_is_the_beginning_of_another),
      CASE("/stores/a_tokens_key_is_never_replaced_unasked", a_tokens_key_is_never_replaced_unasked),
      CASE("/stores/stores_that_are_not_here_are_refused", stores_that_are_not_here_are_refused),
      CASE("/stores/objects_lie_in_the_plugins_folder", objects_lie_in_the_plugins_folder),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
