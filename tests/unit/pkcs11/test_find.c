#include "pkcs11/find.h"

#include "pkcs11/generation.h"
#include "sample.h"
#include "tests/support/unit.h"

static int make(void **state) {
  struct kg_identity identity = sample_identity("web");
  struct kg_binding *binding = sample_binding("web", 1, 1);
  struct kg_generation *generation = NULL;
  struct kg_error error;
  if (kg_generation_new(&identity, &binding, NULL, &generation, &error) != KG_OK) return -1;
  *state = generation;
  return 0;
}

static int drop(void **state) {
  struct kg_generation *generation = *state;
  kg_generation_unref(&generation);
  return 0;
}

static size_t count_of(const struct kg_generation *generation, CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
  CK_ATTRIBUTE wanted = {type, &value, sizeof value};
  struct kg_find find;
  assert_true(kg_find_begin(&generation->objects, &wanted, 1, KG_FIND_ALL, &find));
  size_t count = find.count;
  kg_find_clear(&find);
  return count;
}

static void classes_are_found(void **state) {
  assert_int_equal(count_of(*state, CKA_CLASS, CKO_PRIVATE_KEY), 1);
  assert_int_equal(count_of(*state, CKA_CLASS, CKO_PUBLIC_KEY), 1);
  assert_int_equal(count_of(*state, CKA_CLASS, CKO_CERTIFICATE), 1);
  assert_int_equal(count_of(*state, CKA_CLASS, CKO_DATA), 1);
  assert_int_equal(count_of(*state, CKA_CLASS, CKO_PROFILE), 4);
  assert_int_equal(count_of(*state, CKA_CLASS, CKO_SECRET_KEY), 0);
}

/* NSS asks every token for its own classes and attributes. */
static void vendor_classes_find_nothing(void **state) {
  assert_int_equal(count_of(*state, CKA_CLASS, 0xce534351UL), 0);
  assert_int_equal(count_of(*state, CKA_CLASS, 0xce534353UL), 0);
  assert_int_equal(count_of(*state, 0xce534351UL, 1), 0);
}

static void portions_add_up(void **state) {
  const struct kg_generation *generation = *state;
  struct kg_find find;
  assert_true(kg_find_begin(&generation->objects, NULL, 0, KG_FIND_ALL, &find));
  assert_int_equal(find.count, generation->objects.count);
  CK_OBJECT_HANDLE out[3];
  assert_int_equal(kg_find_next(&find, out, 0), 0);
  size_t got = 0, total = 0;
  while ((got = kg_find_next(&find, out, 3)) > 0) {
    for (size_t i = 0; i < got; i++)
      assert_int_equal(out[i], generation->objects.items[total + i].handle);
    total += got;
  }
  assert_int_equal(total, generation->objects.count);
  assert_int_equal(kg_find_next(&find, out, 3), 0);
  kg_find_clear(&find);
  assert_false(find.active);
}

int main(void) {
  const struct CMUnitTest cases[] = {
      CASE("/find/classes_are_found", classes_are_found),
      CASE("/find/vendor_classes_find_nothing", vendor_classes_find_nothing),
      CASE("/find/portions_add_up", portions_add_up),
  };
  return cmocka_run_group_tests(cases, make, drop);
}
