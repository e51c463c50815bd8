#include "core/state/binding_facts.h"

#include "core/base/clock.h"
#include "core/base/encoding.h"

#include <cJSON.h>
#include <stdlib.h>

/* Adds nothing for NULL. */
static bool add_text(cJSON *object, const char *name, const char *text) {
  return text == NULL || cJSON_AddStringToObject(object, name, text) != NULL;
}

/* Takes `text`; NULL is no memory. */
static bool add_taken(cJSON *object, const char *name, char *text) {
  bool added = text != NULL && cJSON_AddStringToObject(object, name, text) != NULL;
  free(text);
  return added;
}

static bool add_time(cJSON *object, const char *name, int64_t seconds) {
  char text[KG_TIME_TEXT_SIZE];
  kg_time_format(seconds, text);
  return add_text(object, name, text);
}

static bool add_facts(cJSON *object, const struct kg_binding *binding) {
  return object != NULL && add_text(object, "client_id", binding->client_id) &&
         add_text(object, "tenant_id", binding->tenant_id) &&
         add_text(object, "identity_type", binding->identity_type) &&
         add_text(object, "token_endpoint", binding->token_endpoint) &&
         add_text(object, "mtls_authentication_endpoint", binding->mtls_authentication_endpoint) &&
         add_time(object, "not_before", binding->leaf.not_before) &&
         add_time(object, "not_after", kg_binding_end(binding)) &&
         cJSON_AddBoolToObject(object, "attested", binding->attested) != NULL &&
         add_text(object, "strength", kg_strength_name(binding->strength)) &&
         add_taken(object, "thumbprint", kg_base64url_format(kg_span_of(binding->sha256, sizeof binding->sha256))) &&
         add_taken(object, "key_id", kg_hex_format(kg_buf_span(&binding->leaf.id)));
}

char *kg_binding_facts(const struct kg_binding *binding) {
  cJSON *object = cJSON_CreateObject();
  char *printed = add_facts(object, binding) ? cJSON_PrintUnformatted(object) : NULL;
  char *text = kg_strdup(printed); /* ours to free(), whatever cJSON allocates with */
  cJSON_free(printed);
  cJSON_Delete(object);
  return text;
}
