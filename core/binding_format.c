#include "core/binding_member.h"

#include "core/clock.h"
#include "core/encoding.h"
#include "core/hash.h"

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Adds nothing for NULL. */
static bool add_text(cJSON *object, const char *name, const char *text) {
  return !text || cJSON_AddStringToObject(object, name, text);
}

/* Takes `text`; NULL is no memory. */
static bool add_taken(cJSON *object, const char *name, char *text) {
  bool added = text && cJSON_AddStringToObject(object, name, text);

  free(text);
  return added;
}

static bool add_time(cJSON *object, const char *name, int64_t seconds) {
  char text[KG_TIME_TEXT_SIZE];

  kg_time_format(seconds, text);
  return add_text(object, name, text);
}

static bool add_member(cJSON *object, const struct kg_member *member, const void *field) {
  switch (member->kind) {
  case KG_MEMBER_TEXT:
  case KG_MEMBER_OPTIONAL_TEXT:
    return add_text(object, member->name, *(char *const *)field);
  case KG_MEMBER_BASE64:
    return add_taken(object, member->name, kg_base64_format(kg_buf_span(field)));
  case KG_MEMBER_HEX:
    return add_taken(object, member->name, kg_hex_format(kg_buf_span(field)));
  case KG_MEMBER_DIGEST:
    return add_taken(object, member->name, kg_hex_format(kg_span_of(field, member->max)));
  case KG_MEMBER_TIME:
    return add_time(object, member->name, *(const int64_t *)field);
  case KG_MEMBER_OPTIONAL_TIME:
    return *(const int64_t *)field == 0 || add_time(object, member->name, *(const int64_t *)field);
  case KG_MEMBER_FLAG:
    return cJSON_AddBoolToObject(object, member->name, *(const bool *)field);
  case KG_MEMBER_NUMBER:
    return cJSON_AddNumberToObject(object, member->name, *(const unsigned *)field);
  case KG_MEMBER_SELECTOR:
    return add_text(object, member->name, kg_selector_name(*(const enum kg_selector *)field));
  case KG_MEMBER_STRENGTH:
    return add_text(object, member->name, kg_strength_name(*(const enum kg_strength *)field));
  }
  return false;
}

static bool add_members(cJSON *object, const struct kg_member *members, const void *base) {
  bool added = object != NULL;

  for (const struct kg_member *member = members; added && member->name; member++)
    added = add_member(object, member, (const char *)base + member->offset);
  return added;
}

static bool add_certificates(cJSON *object, const struct kg_binding *binding) {
  cJSON *leaf = cJSON_AddObjectToObject(object, KG_BINDING_LEAF);
  cJSON *chain = cJSON_AddArrayToObject(object, KG_BINDING_CHAIN);
  bool added = add_members(leaf, kg_certificate_members, &binding->leaf) && chain;

  for (size_t i = 0; added && i < binding->chain_count; i++) {
    cJSON *issuer = cJSON_CreateObject();
    added = issuer && cJSON_AddItemToArray(chain, issuer) &&
            add_members(issuer, kg_certificate_members, &binding->chain[i]);
  }
  return added;
}

static enum kg_status append(struct kg_buf *out, enum kg_status status, const char *text) {
  return status ? status : kg_buf_append(out, kg_span_text(text));
}

/* The outer object around the inner one's text. */
static enum kg_status wrap(const char *body, struct kg_buf *out) {
  unsigned char digest[KG_HASH_MAX_SIZE];
  struct kg_buf text = {NULL, 0};
  enum kg_status status = KG_OK;
  char version[12], *sum;

  if (!kg_hash_once(KG_HASH_SHA256, kg_span_text(body), digest)) return KG_E_NO_MEMORY;
  sum = kg_hex_format(kg_span_of(digest, kg_hash_size(KG_HASH_SHA256)));
  if (!sum) return KG_E_NO_MEMORY;
  snprintf(version, sizeof version, "%d", KG_BINDING_VERSION);
  status = append(&text, status, KG_BINDING_VERSION_HEAD);
  status = append(&text, status, version);
  status = append(&text, status, KG_BINDING_SUM_HEAD);
  status = append(&text, status, sum);
  status = append(&text, status, KG_BINDING_BODY_HEAD);
  status = append(&text, status, body);
  status = append(&text, status, KG_BINDING_TAIL);
  free(sum);
  if (status) {
    kg_buf_clear(&text);
    return status;
  }
  kg_buf_clear(out);
  *out = text;
  return KG_OK;
}

enum kg_status kg_binding_format(const struct kg_binding *binding, struct kg_buf *out) {
  enum kg_status status = KG_E_NO_MEMORY;
  cJSON *object = cJSON_CreateObject();
  char *body = NULL;

  if (add_members(object, kg_binding_members, binding) && add_certificates(object, binding))
    body = cJSON_PrintUnformatted(object);
  if (body) status = wrap(body, out);
  cJSON_free(body);
  cJSON_Delete(object);
  return status;
}

static bool add_facts(cJSON *object, const struct kg_binding *binding) {
  return object && add_text(object, "client_id", binding->client_id) &&
         add_text(object, "tenant_id", binding->tenant_id) &&
         add_text(object, "identity_type", binding->identity_type) &&
         add_text(object, "token_endpoint", binding->token_endpoint) &&
         add_text(object, "mtls_authentication_endpoint", binding->mtls_authentication_endpoint) &&
         add_time(object, "not_before", binding->leaf.not_before) &&
         add_time(object, "not_after", kg_binding_end(binding)) &&
         cJSON_AddBoolToObject(object, "attested", binding->attested) &&
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
