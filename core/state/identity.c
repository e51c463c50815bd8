#include "core/state/identity.h"

#include <stdlib.h>
#include <string.h>

static const char *const selector_names[] = {"system", "client_id", "object_id", "mi_res_id"};
#define SELECTOR_COUNT (sizeof selector_names / sizeof selector_names[0])

bool kg_identity_name_is_valid(const char *name) {
  static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
  size_t length = name != NULL ? strlen(name) : 0;
  return length >= 1 && length <= KG_IDENTITY_NAME_MAX && strspn(name, allowed) == length &&
         strchr("._-", name[0]) == NULL;
}

enum kg_status kg_identity_check_gates(const struct kg_identity *identity, struct kg_error *error) {
  if (identity->proof_of_possession) return KG_OK;
  if (identity->attestation)
    return kg_error_set(error, KG_E_ATTESTATION_REQUIRES_POP,
                        "identity '%s': with-attestation-support needs mtls-proof-of-possession = true",
                        identity->name);
  return kg_error_set(error, KG_E_POP_REQUIRED,
                      "identity '%s': mtls-proof-of-possession is not set to true, and nothing else is served here",
                      identity->name);
}

const char *kg_selector_name(enum kg_selector selector) {
  return (size_t)selector < SELECTOR_COUNT ? selector_names[selector] : "";
}

enum kg_status kg_selector_parse(const char *text, enum kg_selector *out) {
  for (size_t i = 0; text != NULL && i < SELECTOR_COUNT; i++) {
    if (strcmp(text, selector_names[i]) != 0) continue;
    *out = (enum kg_selector)i;
    return KG_OK;
  }
  return KG_E_USAGE;
}

void kg_identity_clear(struct kg_identity *identity) {
  if (identity == NULL) return;
  free(identity->name);
  kg_key_uri_free(&identity->key_store);
  free(identity->selector_value);
  memset(identity, 0, sizeof *identity);
}
