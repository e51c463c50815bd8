/* The configuration: taken whole or refused with a reason; what was taken keeps its promises to the slots. */
#include "fuzz.h"

#include "core/base/clock.h"
#include "core/key/pkcs11/uri.h"
#include "core/state/config.h"
#include "core/state/config_parse.h"
#include "pkcs11/slot.h"

#include <stdlib.h>
#include <string.h>

#define PATH "/etc/keyguard/keyguard.conf"

static void check_identity(const struct kg_config *config, const struct kg_identity *identity) {
  promise(kg_identity_name_is_valid(identity->name));
  promise(kg_config_find(config, identity->name) == identity); /* there is one of each name */
  promise((identity->selector == KG_SELECT_SYSTEM) == (identity->selector_value == NULL));
  struct kg_error error = {0};
  if (kg_identity_check_gates(identity, &error) == KG_OK) promise(identity->proof_of_possession);
  promise(identity->key_store != NULL);
  const char *shown = kg_key_uri_shown(identity->key_store);
  promise(shown != NULL && strpbrk(shown, " \t\r\n") == NULL);
  struct kg_key_uri *again = NULL; /* what is shown is read back, and has lost its PIN */
  promise(kg_key_uri_parse(shown, &again, &error) == KG_OK);
  const struct kg_pkcs11_uri *uri = kg_key_uri_place(again);
  promise(uri->pin_value.len == 0 && uri->pin_source == NULL && strcmp(kg_key_uri_shown(again), shown) == 0);
  kg_key_uri_free(&again);
}

static void check_slots(const struct kg_config *config) {
  struct kg_slots slots;
  promise(kg_slots_build(config, kg_clock_system(), &slots) == KG_OK);
  promise(slots.count == config->identities_count);
  for (size_t i = 0; i < slots.count; i++) {
    promise(slots.items[i].identity == &config->identities[i]);
    promise(kg_slots_find(&slots, slots.items[i].id) == &slots.items[i]); /* no other has its number */
  }
  kg_slots_clear(&slots);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct kg_config *config = NULL;
  struct kg_error error = {0};
  enum kg_status status = kg_config_parse(PATH, kg_span_of(data, size), &config, &error);
  promise((status == KG_OK) == (config != NULL));
  if (status != KG_OK) {
    promise(error.status == status && strstr(error.text, PATH) != NULL);
    promise(strpbrk(error.text, "\r\n") == NULL);
    return 0;
  }
  promise(config->state_dir[0] == '/' && config->plugin[0] && config->deadline_s >= 1 && config->deadline_s <= 3600);
  for (size_t i = 0; i < config->identities_count; i++)
    check_identity(config, &config->identities[i]);
  check_slots(config);
  kg_config_free(&config);
  promise(config == NULL);
  return 0;
}
