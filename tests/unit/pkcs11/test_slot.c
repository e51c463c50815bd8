#include "pkcs11/slot.h"

#include "sample.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CK_SLOT_ID id_of(const struct kg_slots *slots, const char *name) {
  for (size_t i = 0; i < slots->count; i++)
    if (strcmp(slots->items[i].identity->name, name) == 0) return slots->items[i].id;
  fail_msg("no slot for %s", name);
  return 0;
}

static void build(struct kg_identity *identities, size_t count, struct kg_slots *out) {
  static char folder[] = "/nowhere";
  struct kg_config config = {0};
  config.state_dir = folder;
  config.identities = identities;
  config.identities_count = count;
  assert_int_equal(kg_slots_build(&config, &sample_clock, out), KG_OK);
}

static void numbers_do_not_depend_on_the_order(void **state) {
  struct kg_identity forth[] = {sample_identity("web"), sample_identity("db"), sample_identity("queue")};
  struct kg_identity back[] = {sample_identity("queue"), sample_identity("db"), sample_identity("web")};
  (void)state;
  struct kg_slots a;
  build(forth, 3, &a);
  struct kg_slots b;
  build(back, 3, &b);
  assert_int_equal(id_of(&a, "web"), id_of(&b, "web"));
  assert_int_equal(id_of(&a, "db"), id_of(&b, "db"));
  assert_int_equal(id_of(&a, "queue"), id_of(&b, "queue"));
  kg_slots_clear(&a);
  kg_slots_clear(&b);
}

static void places_are_the_configurations(void **state) {
  static const char *const names[] = {"web", "db", "queue", "a", "z", "m"};
  struct kg_identity identities[COUNT(names)];
  (void)state;
  for (size_t i = 0; i < COUNT(names); i++)
    identities[i] = sample_identity(names[i]);
  struct kg_slots slots;
  build(identities, COUNT(names), &slots);
  for (size_t i = 0; i < COUNT(names); i++)
    assert_string_equal(slots.items[i].identity->name, names[i]);
  kg_slots_clear(&slots);
}

static void numbers_stay_when_others_come(void **state) {
  struct kg_identity few[] = {sample_identity("web")};
  struct kg_identity more[] = {sample_identity("a"), sample_identity("web"), sample_identity("z")};
  (void)state;
  struct kg_slots a;
  build(few, 1, &a);
  struct kg_slots b;
  build(more, 3, &b);
  assert_int_equal(id_of(&a, "web"), id_of(&b, "web"));
  kg_slots_clear(&a);
  kg_slots_clear(&b);
}

/* Two names whose hashes begin with the same 31 bits, found by trying. */
#define TWIN_A "n18622"
#define TWIN_B "n41826"

static void collisions_are_stepped_in_the_order_of_names(void **state) {
  struct kg_identity forth[] = {sample_identity(TWIN_A), sample_identity(TWIN_B)};
  struct kg_identity back[] = {sample_identity(TWIN_B), sample_identity(TWIN_A)};
  (void)state;
  struct kg_slots a;
  build(forth, 2, &a);
  struct kg_slots b;
  build(back, 2, &b);
  assert_int_equal(id_of(&a, TWIN_A) + 1, id_of(&a, TWIN_B));
  assert_int_equal(id_of(&a, TWIN_A), id_of(&b, TWIN_A));
  assert_int_equal(id_of(&a, TWIN_B), id_of(&b, TWIN_B));
  kg_slots_clear(&a);
  kg_slots_clear(&b);
}

static void numbers_are_positive_ints(void **state) {
  enum { MANY = 2000 };
  struct kg_identity *identities = calloc(MANY, sizeof *identities);
  static char names[MANY][16];
  (void)state;
  for (int i = 0; i < MANY; i++) {
    (void)snprintf(names[i], sizeof names[i], "id%d", i);
    identities[i] = sample_identity(names[i]);
  }
  struct kg_slots slots;
  build(identities, MANY, &slots);
  for (size_t i = 0; i < slots.count; i++) {
    assert_true(slots.items[i].id <= 0x7fffffff);
    for (size_t j = 0; j < i; j++)
      if (slots.items[j].id == slots.items[i].id) fail_msg("slots %zu and %zu have one number", j, i);
  }
  kg_slots_clear(&slots);
  free(identities);
}

static void no_identity_is_no_slot(void **state) {
  (void)state;
  struct kg_slots slots;
  build(NULL, 0, &slots);
  assert_int_equal(slots.count, 0);
  kg_slots_clear(&slots);
}

int main(void) {
  const struct CMUnitTest cases[] = {
      CASE("/slot/numbers_do_not_depend_on_the_order", numbers_do_not_depend_on_the_order),
      CASE("/slot/places_are_the_configurations", places_are_the_configurations),
      CASE("/slot/numbers_stay_when_others_come", numbers_stay_when_others_come),
      CASE("/slot/collisions_are_stepped_in_the_order_of_names", collisions_are_stepped_in_the_order_of_names),
      CASE("/slot/numbers_are_positive_ints", numbers_are_positive_ints),
      CASE("/slot/no_identity_is_no_slot", no_identity_is_no_slot),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
