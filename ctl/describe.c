#include "ctl/describe.h"

#include "core/base/clock.h"
#include "core/base/encoding.h"
#include "core/base/json_add.h"
#include "core/base/strength.h"
#include "core/key/token_uri.h"
#include "ctl/output.h"
#include "ctl/renew.h"

#include <stdlib.h>

char *kg_describe_thumbprint(const struct kg_binding *binding) {
  return kg_base64url_format(kg_span_of(binding->sha256, sizeof binding->sha256));
}

char *kg_describe_uri(const struct kg_binding *binding, const char *type) {
  return kg_token_uri_format(binding->identity, binding->identity, type);
}

static void add_life(cJSON *object, const struct kg_binding *binding, int64_t now) {
  struct kg_renew renew = kg_renew_binding(binding, now);
  kg_json_add_time(object, "issued_at", binding->issued_at);
  kg_json_add_time(object, "not_before", binding->leaf.not_before);
  kg_json_add_time(object, "not_after", binding->leaf.not_after);
  if (binding->token_not_after) kg_json_add_time(object, "token_not_after", binding->token_not_after);
  kg_json_add_time(object, "effective_end", kg_binding_end(binding));
  cJSON_AddNumberToObject(object, "seconds_left", (double)renew.left_s);
  kg_json_add_time(object, "due_at", renew.due_at);
  kg_json_add_text(object, "renewal", kg_renew_state_name(renew.state));
}

void kg_describe_json(cJSON *object, const struct kg_binding *binding, int64_t now) {
  kg_json_add_text(object, "client_id", binding->client_id);
  kg_json_add_text(object, "tenant_id", binding->tenant_id);
  kg_json_add_text(object, "identity_type", binding->identity_type);
  kg_json_add_text(object, "mtls_authentication_endpoint", binding->mtls_authentication_endpoint);
  kg_json_add_text(object, "token_endpoint", binding->token_endpoint);
  cJSON_AddBoolToObject(object, "attested", binding->attested);
  kg_json_add_text(object, "strength", kg_strength_name(binding->strength));
  kg_json_add_text(object, "key_store", binding->key_store);
  cJSON_AddNumberToObject(object, "key_bits", binding->key_bits);
  add_life(object, binding, now);
  kg_json_add_taken(object, "thumbprint", kg_describe_thumbprint(binding));
  kg_json_add_taken(object, "sha1", kg_hex_format(kg_span_of(binding->sha1, sizeof binding->sha1)));
  kg_json_add_taken(object, "certificate_uri", kg_describe_uri(binding, "cert"));
  kg_json_add_taken(object, "private_key_uri", kg_describe_uri(binding, "private"));
}

static void print_taken(FILE *out, const char *name, char *value) {
  fprintf(out, "  %-16s %s\n", name, value != NULL ? value : "?");
  free(value);
}

static void print_life(FILE *out, const struct kg_binding *binding, int64_t now) {
  char from[KG_TIME_TEXT_SIZE];
  struct kg_renew renew = kg_renew_binding(binding, now);
  kg_time_format(binding->leaf.not_before, from);
  char to[KG_TIME_TEXT_SIZE];
  kg_time_format(kg_binding_end(binding), to);
  char due[KG_TIME_TEXT_SIZE];
  kg_time_format(renew.due_at, due);
  char age[KG_DURATION_SIZE];
  kg_duration_format(now - binding->issued_at, age);
  char left[KG_DURATION_SIZE];
  kg_duration_format(renew.left_s, left);
  fprintf(out, "  %-16s %s to %s (%s left, issued %s ago)\n", "valid", from, to, left, age);
  fprintf(out, "  %-16s %s (%s)\n", "renewal due", due, kg_renew_state_name(renew.state));
}

void kg_describe_text(FILE *out, const struct kg_binding *binding, int64_t now) {
  print_life(out, binding, now);
  print_taken(out, "thumbprint", kg_describe_thumbprint(binding));
  fprintf(out, "  %-16s RSA %u, %s, %s\n", "key", binding->key_bits, kg_strength_name(binding->strength),
          binding->attested ? "attested" : "not attested");
  fprintf(out, "  %-16s %s\n", "key store", binding->key_store);
  fprintf(out, "  %-16s %s\n", "client id", binding->client_id);
  fprintf(out, "  %-16s %s\n", "tenant id", binding->tenant_id);
  fprintf(out, "  %-16s %s\n", "token endpoint", binding->token_endpoint);
  print_taken(out, "certificate URI", kg_describe_uri(binding, "cert"));
  print_taken(out, "private key URI", kg_describe_uri(binding, "private"));
}
