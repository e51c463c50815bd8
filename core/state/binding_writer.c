#include "core/state/binding_writer.h"

#include "core/base/encoding.h"
#include "core/base/hash.h"
#include "core/base/json_add.h"
#include "core/state/binding_member.h"
#include "core/state/binding_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool add_member(cJSON *object, const struct kg_member *member, const void *field) {
  switch (member->kind) {
  case KG_MEMBER_TEXT:
  case KG_MEMBER_OPTIONAL_TEXT:
    return kg_json_add_text(object, member->name, *(char *const *)field);
  case KG_MEMBER_BASE64:
    return kg_json_add_taken(object, member->name, kg_base64_format(kg_buf_span(field)));
  case KG_MEMBER_HEX:
    return kg_json_add_taken(object, member->name, kg_hex_format(kg_buf_span(field)));
  case KG_MEMBER_DIGEST:
    return kg_json_add_taken(object, member->name, kg_hex_format(kg_span_of(field, member->max)));
  case KG_MEMBER_TIME:
    return kg_json_add_time(object, member->name, *(const int64_t *)field);
  case KG_MEMBER_OPTIONAL_TIME:
    return *(const int64_t *)field == 0 || kg_json_add_time(object, member->name, *(const int64_t *)field);
  case KG_MEMBER_FLAG:
    return cJSON_AddBoolToObject(object, member->name, *(const bool *)field) != NULL;
  case KG_MEMBER_NUMBER:
    return cJSON_AddNumberToObject(object, member->name, *(const unsigned *)field) != NULL;
  case KG_MEMBER_SELECTOR:
    return kg_json_add_text(object, member->name, kg_selector_name(*(const enum kg_selector *)field));
  case KG_MEMBER_STRENGTH:
    return kg_json_add_text(object, member->name, kg_strength_name(*(const enum kg_strength *)field));
  }
  return false;
}

static bool add_members(cJSON *object, const struct kg_member *members, const void *base) {
  bool added = object != NULL;
  for (const struct kg_member *member = members; added && member->name != NULL; member++)
    added = add_member(object, member, (const char *)base + member->offset);
  return added;
}

static bool add_certificates(cJSON *object, const struct kg_binding *binding) {
  cJSON *leaf = cJSON_AddObjectToObject(object, KG_BINDING_LEAF);
  cJSON *chain = cJSON_AddArrayToObject(object, KG_BINDING_CHAIN);
  bool added = add_members(leaf, kg_certificate_members, &binding->leaf) && chain != NULL;
  for (size_t i = 0; added && i < binding->chain_count; i++) {
    cJSON *issuer = cJSON_CreateObject();
    added = issuer != NULL && cJSON_AddItemToArray(chain, issuer) &&
            add_members(issuer, kg_certificate_members, &binding->chain[i]);
  }
  return added;
}

static enum kg_status append(struct kg_buf *out, enum kg_status status, const char *text) {
  return status != KG_OK ? status : kg_buf_append(out, kg_span_text(text));
}

/* The outer object around the inner one's text. */
static enum kg_status wrap(const char *body, struct kg_buf *out) {
  unsigned char digest[KG_HASH_MAX_SIZE];
  if (!kg_hash_once(KG_HASH_SHA256, kg_span_text(body), digest)) return KG_E_NO_MEMORY;
  char *sum = kg_hex_format(kg_span_of(digest, kg_hash_size(KG_HASH_SHA256)));
  if (sum == NULL) return KG_E_NO_MEMORY;
  char version[12];
  snprintf(version, sizeof version, "%d", KG_BINDING_VERSION);
  enum kg_status status = KG_OK;
  struct kg_buf text = {0};
  status = append(&text, status, KG_BINDING_VERSION_HEAD);
  status = append(&text, status, version);
  status = append(&text, status, KG_BINDING_SUM_HEAD);
  status = append(&text, status, sum);
  status = append(&text, status, KG_BINDING_BODY_HEAD);
  status = append(&text, status, body);
  status = append(&text, status, KG_BINDING_TAIL);
  free(sum);
  if (status != KG_OK) {
    kg_buf_clear(&text);
    return status;
  }
  kg_buf_clear(out);
  *out = text;
  return KG_OK;
}

enum kg_status kg_binding_format(const struct kg_binding *binding, struct kg_buf *out) {
  cJSON *object = cJSON_CreateObject();
  char *body = NULL;
  if (add_members(object, kg_binding_members, binding) && add_certificates(object, binding))
    body = cJSON_PrintUnformatted(object);
  enum kg_status status = KG_E_NO_MEMORY;
  if (body != NULL) status = wrap(body, out);
  cJSON_free(body);
  cJSON_Delete(object);
  return status;
}

/* What cannot be read again is not written. */
static enum kg_status check_readable(const char *path, struct kg_span text, struct kg_error *error) {
  struct kg_binding *again = NULL;
  enum kg_status status = kg_binding_parse(text, &again, error);
  kg_binding_free(&again);
  if (status != KG_E_BINDING) return status;
  return kg_error_prefix(error, KG_E_BUG, "'%s' would not be readable", path);
}

enum kg_status kg_binding_store(const char *path, const struct kg_binding *binding, struct kg_error *error) {
  struct kg_buf text = {0};
  enum kg_status status = kg_binding_format(binding, &text);
  if (status != KG_OK) return kg_error_no_memory(error, "to write '%s'", path);
  status = check_readable(path, kg_buf_span(&text), error);
  if (status == KG_OK) status = kg_file_replace(path, kg_buf_span(&text), 0644, error);
  kg_buf_clear(&text);
  return status;
}
