#include "core/state/binding_facts.h"

#include "core/base/encoding.h"
#include "core/base/json_add.h"

#include <stdlib.h>

static bool add_facts(cJSON *object, const struct kg_binding *binding) {
  return object != NULL && kg_json_add_text(object, "client_id", binding->client_id) &&
         kg_json_add_text(object, "tenant_id", binding->tenant_id) &&
         kg_json_add_text(object, "identity_type", binding->identity_type) &&
         kg_json_add_text(object, "token_endpoint", binding->token_endpoint) &&
         kg_json_add_text(object, "mtls_authentication_endpoint", binding->mtls_authentication_endpoint) &&
         kg_json_add_time(object, "not_before", binding->leaf.not_before) &&
         kg_json_add_time(object, "not_after", kg_binding_end(binding)) &&
         cJSON_AddBoolToObject(object, "attested", binding->attested) != NULL &&
         kg_json_add_text(object, "strength", kg_strength_name(binding->strength)) &&
         kg_json_add_taken(object, "thumbprint",
                           kg_base64url_format(kg_span_of(binding->sha256, sizeof binding->sha256))) &&
         kg_json_add_taken(object, "key_id", kg_hex_format(kg_buf_span(&binding->leaf.id)));
}

char *kg_binding_facts(const struct kg_binding *binding) {
  cJSON *object = cJSON_CreateObject();
  char *printed = add_facts(object, binding) ? cJSON_PrintUnformatted(object) : NULL;
  char *text = kg_strdup(printed); /* ours to free(), whatever cJSON allocates with */
  cJSON_free(printed);
  cJSON_Delete(object);
  return text;
}
