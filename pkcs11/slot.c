#include "pkcs11/slot.h"

#include "core/base/hash.h"
#include "core/os/file.h"

#include <stdlib.h>
#include <string.h>

/* 31 bits of a hash of the name: the same wherever it stands in the configuration, and a number that every host can
 * hold (Java's slot is an int, CK_ULONG on Windows has 32 bits). */
static CK_SLOT_ID number_of(const char *name) {
  unsigned char digest[KG_HASH_MAX_SIZE];
  kg_hash_once(KG_HASH_SHA256, kg_span_text(name), digest);
  return (CK_SLOT_ID)(digest[0] & 0x7f) << 24 | (CK_SLOT_ID)digest[1] << 16 | (CK_SLOT_ID)digest[2] << 8 | digest[3];
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const struct kg_slot *)a)->identity->name, ((const struct kg_slot *)b)->identity->name);
}

static int by_place(const void *a, const void *b) { /* in the configuration's array */
  const struct kg_identity *left = ((const struct kg_slot *)a)->identity,
                           *right = ((const struct kg_slot *)b)->identity;
  return (left > right) - (left < right);
}

static bool is_taken(const struct kg_slot *slots, size_t count, CK_SLOT_ID id) {
  for (size_t i = 0; i < count; i++)
    if (slots[i].id == id) return true;
  return false;
}

/* Collisions are stepped in the order of names, so the order of the configuration does not matter. */
static void number(struct kg_slots *slots) {
  qsort(slots->items, slots->count, sizeof slots->items[0], by_name);
  for (size_t i = 0; i < slots->count; i++) {
    CK_SLOT_ID id = number_of(slots->items[i].identity->name);
    while (is_taken(slots->items, i, id))
      id = (id + 1) & 0x7fffffff;
    slots->items[i].id = id;
  }
  qsort(slots->items, slots->count, sizeof slots->items[0], by_place);
}

enum kg_status kg_slots_build(const struct kg_config *config, const struct kg_clock *clock, struct kg_slots *out) {
  memset(out, 0, sizeof *out);
  if (config->identities_count == 0) return KG_OK;
  out->items = calloc(config->identities_count, sizeof out->items[0]);
  if (out->items == NULL) return KG_E_NO_MEMORY;
  for (size_t i = 0; i < config->identities_count; i++)
    out->items[i].identity = &config->identities[i];
  out->count = config->identities_count;
  number(out);
  for (size_t i = 0; i < out->count; i++) {
    struct kg_slot *slot = &out->items[i];
    kg_login_init(&slot->login);
    kg_on_demand_init(&slot->on_demand, config, slot->identity->name, (uint32_t)slot->id, clock);
  }
  for (size_t i = 0; i < out->count; i++) {
    struct kg_slot *slot = &out->items[i];
    enum kg_status status = kg_refresh_init(&slot->refresh, slot->identity, config->state_dir, clock);
    if (status == KG_OK) continue;
    kg_slots_clear(out);
    return status;
  }
  return KG_OK;
}

void kg_slots_clear(struct kg_slots *slots) {
  for (size_t i = 0; i < slots->count; i++) {
    kg_refresh_clear(&slots->items[i].refresh);
    kg_login_clear(&slots->items[i].login);
  }
  free(slots->items);
  memset(slots, 0, sizeof *slots);
}

struct kg_slot *kg_slots_find(struct kg_slots *slots, CK_SLOT_ID id) {
  for (size_t i = 0; i < slots->count; i++)
    if (slots->items[i].id == id) return &slots->items[i];
  return NULL;
}

static struct kg_generation *provision(struct kg_slot *slot, struct kg_error *error) {
  if (!kg_on_demand_claim(&slot->on_demand)) return kg_refresh_look(&slot->refresh); /* another thread's, or nothing */
  if (kg_on_demand_run(&slot->on_demand, error) == KG_OK)
    kg_error_set(error, KG_E_NOT_FOUND, "keyguardctl provision wrote no usable binding: see keyguardctl doctor");
  struct kg_generation *generation = kg_refresh_look_again(&slot->refresh);
  /* No process or memory to be had just now is no failure of the provisioning. */
  kg_on_demand_settle(&slot->on_demand, generation != NULL || kg_file_failure_may_pass(error));
  if (generation != NULL) kg_error_clear(error); /* whatever became of the program */
  return generation;
}

struct kg_generation *kg_slot_obtain_token(struct kg_slot *slot, struct kg_error *error) {
  struct kg_generation *generation = kg_refresh_look(&slot->refresh);
  return generation != NULL ? generation : provision(slot, error);
}

struct kg_generation *kg_slot_obtain_newest(struct kg_slot *slot, struct kg_error *error) {
  struct kg_generation *generation = kg_refresh_look_again(&slot->refresh);
  return generation != NULL ? generation : provision(slot, error);
}

bool kg_slot_has_token(struct kg_slot *slot) {
  struct kg_generation *generation = kg_refresh_look(&slot->refresh);
  bool present = generation != NULL;
  kg_generation_unref(&generation);
  return present;
}
