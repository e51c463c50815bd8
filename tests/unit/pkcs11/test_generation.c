#include "pkcs11/generation.h"

#include "sample.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kg_generation *build(const char *name, unsigned char key, unsigned char serial,
                                   const struct kg_generation *before) {
  struct kg_identity identity = sample_identity(name);
  struct kg_binding *binding = sample_binding(name, key, serial);
  struct kg_generation *generation = NULL;
  struct kg_error error;
  assert_int_equal(kg_generation_new(&identity, &binding, before, &generation, &error), KG_OK);
  assert_null(binding);
  return generation;
}

static CK_OBJECT_HANDLE handle_of(const struct kg_generation *generation, enum kg_object_kind kind) {
  for (size_t i = 0; i < generation->objects.count; i++)
    if (generation->objects.items[i].kind == kind) return generation->objects.items[i].handle;
  return 0;
}

static void a_renewed_certificate_is_a_new_object_and_the_key_stays(void **state) {
  struct kg_generation *first = build("web", 1, 1, NULL), *second = build("web", 1, 2, first);
  (void)state;
  assert_int_equal(handle_of(first, KG_OBJECT_PRIVATE_KEY), handle_of(second, KG_OBJECT_PRIVATE_KEY));
  assert_int_equal(handle_of(first, KG_OBJECT_PUBLIC_KEY), handle_of(second, KG_OBJECT_PUBLIC_KEY));
  assert_int_equal(handle_of(first, KG_OBJECT_PROFILE), handle_of(second, KG_OBJECT_PROFILE));
  assert_int_not_equal(handle_of(first, KG_OBJECT_CERTIFICATE), handle_of(second, KG_OBJECT_CERTIFICATE));
  assert_int_not_equal(handle_of(first, KG_OBJECT_FACTS), handle_of(second, KG_OBJECT_FACTS));
  assert_ptr_equal(first->key, second->key);
  kg_generation_unref(&first);
  kg_generation_unref(&second);
}

static void another_key_has_other_handles(void **state) {
  struct kg_generation *first = build("web", 1, 1, NULL), *second = build("web", 2, 1, first);
  struct kg_generation *third = build("web", 1, 1, second);
  (void)state;
  assert_int_not_equal(handle_of(first, KG_OBJECT_PRIVATE_KEY), handle_of(second, KG_OBJECT_PRIVATE_KEY));
  assert_null(kg_objects_find(&second->objects, handle_of(first, KG_OBJECT_PRIVATE_KEY)));
  assert_int_not_equal(handle_of(third, KG_OBJECT_PRIVATE_KEY), handle_of(second, KG_OBJECT_PRIVATE_KEY));
  assert_ptr_not_equal(first->key, second->key);
  kg_generation_unref(&first);
  kg_generation_unref(&second);
  kg_generation_unref(&third);
}

static void two_identities_share_no_handle_and_no_unique_id(void **state) {
  struct kg_generation *one = build("one", 1, 1, NULL), *two = build("two", 1, 1, NULL);
  (void)state;
  for (size_t i = 0; i < one->objects.count; i++)
    for (size_t j = 0; j < two->objects.count; j++) {
      assert_int_not_equal(one->objects.items[i].handle, two->objects.items[j].handle);
      assert_string_not_equal(one->objects.items[i].unique_id, two->objects.items[j].unique_id);
    }
  kg_generation_unref(&one);
  kg_generation_unref(&two);
}

static const struct kg_attribute *attribute(const struct kg_generation *generation, enum kg_object_kind kind,
                                            CK_ATTRIBUTE_TYPE type) {
  return kg_attributes_find(&kg_objects_find(&generation->objects, handle_of(generation, kind))->attributes, type);
}

static void id_and_label_pair_key_and_certificate(void **state) {
  static const enum kg_object_kind kinds[] = {KG_OBJECT_PRIVATE_KEY, KG_OBJECT_PUBLIC_KEY, KG_OBJECT_CERTIFICATE};
  struct kg_generation *generation = build("web", 1, 1, NULL);
  (void)state;
  for (size_t i = 0; i < COUNT(kinds); i++) {
    const struct kg_attribute *id = attribute(generation, kinds[i], CKA_ID);
    const struct kg_attribute *label = attribute(generation, kinds[i], CKA_LABEL);
    assert_int_equal(id->len, KG_KEY_ID_SIZE);
    assert_memory_equal(id->value, generation->binding->leaf.id.data, KG_KEY_ID_SIZE);
    assert_int_equal(label->len, 3);
    assert_memory_equal(label->value, "web", 3);
  }
  kg_generation_unref(&generation);
}

static void no_type_occurs_twice_in_an_object(void **state) {
  struct kg_generation *generation = build("web", 1, 1, NULL);
  (void)state;
  for (size_t o = 0; o < generation->objects.count; o++) {
    const struct kg_attributes *set = &generation->objects.items[o].attributes;
    for (size_t i = 0; i < set->count; i++)
      for (size_t j = i + 1; j < set->count; j++)
        if (set->items[i].type == set->items[j].type) fail_msg("object %zu, type 0x%lx", o, set->items[i].type);
  }
  kg_generation_unref(&generation);
}

static void add_issuer(struct kg_binding *binding, size_t at, unsigned char serial) {
  struct kg_binding *from = sample_binding("ca", 9, serial);
  binding->chain[at] = from->leaf;
  memset(&from->leaf, 0, sizeof from->leaf);
  kg_binding_free(&from);
}

static void issuers_are_objects_once_each(void **state) {
  struct kg_identity identity = sample_identity("web");
  struct kg_binding *binding = sample_binding("web", 1, 1);
  (void)state;
  binding->chain = calloc(3, sizeof binding->chain[0]);
  binding->chain_count = 3;
  add_issuer(binding, 0, 1);
  add_issuer(binding, 1, 2);
  add_issuer(binding, 2, 1); /* the first one again */
  struct kg_generation *generation = NULL;
  struct kg_error error;
  assert_int_equal(kg_generation_new(&identity, &binding, NULL, &generation, &error), KG_OK);
  size_t issuers = 0;
  for (size_t i = 0; i < generation->objects.count; i++) {
    const struct kg_object *object = &generation->objects.items[i];
    if (object->kind != KG_OBJECT_ISSUER) continue;
    char expected[32];
    (void)snprintf(expected, sizeof expected, "web issuer %zu", ++issuers);
    assert_string_equal(object->label, expected);
    assert_int_equal(kg_attributes_find(&object->attributes, CKA_CERTIFICATE_CATEGORY)->small.number, 2);
  }
  assert_int_equal(issuers, 2);
  kg_generation_unref(&generation);
}

static void hardware_keys_are_local_and_software_keys_unknown(void **state) {
  struct kg_identity identity = sample_identity("web");
  struct kg_binding *binding = sample_binding("web", 1, 1);
  struct kg_generation *software = build("web", 1, 1, NULL);
  (void)state;
  binding->strength = KG_STRENGTH_KEYGUARD;
  struct kg_generation *hardware = NULL;
  struct kg_error error;
  assert_int_equal(kg_generation_new(&identity, &binding, NULL, &hardware, &error), KG_OK);
  assert_true(attribute(hardware, KG_OBJECT_PRIVATE_KEY, CKA_NEVER_EXTRACTABLE)->small.flag);
  assert_true(attribute(hardware, KG_OBJECT_PRIVATE_KEY, CKA_LOCAL)->small.flag);
  assert_false(attribute(software, KG_OBJECT_PRIVATE_KEY, CKA_NEVER_EXTRACTABLE)->small.flag);
  assert_false(attribute(software, KG_OBJECT_PRIVATE_KEY, CKA_EXTRACTABLE)->small.flag);
  kg_generation_unref(&hardware);
  kg_generation_unref(&software);
}

int main(void) {
  const struct CMUnitTest cases[] = {
      CASE("/generation/a_renewed_certificate_is_a_new_object_and_the_key_stays",
           a_renewed_certificate_is_a_new_object_and_the_key_stays),
      CASE("/generation/another_key_has_other_handles", another_key_has_other_handles),
      CASE("/generation/two_identities_share_no_handle_and_no_unique_id",
           two_identities_share_no_handle_and_no_unique_id),
      CASE("/generation/id_and_label_pair_key_and_certificate", id_and_label_pair_key_and_certificate),
      CASE("/generation/no_type_occurs_twice_in_an_object", no_type_occurs_twice_in_an_object),
      CASE("/generation/issuers_are_objects_once_each", issuers_are_objects_once_each),
      CASE("/generation/hardware_keys_are_local_and_software_keys_unknown",
           hardware_keys_are_local_and_software_keys_unknown),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
