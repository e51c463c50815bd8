#include "ctl/token_cache.h"

#include "core/base/encoding.h"
#include "core/base/hash.h"
#include "core/base/json.h"
#include "core/base/json_add.h"
#include "core/base/log.h"
#include "core/base/strength.h"
#include "core/os/file.h"
#include "ctl/cache_folder.h"
#include "ctl/describe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define SIZE_LIMIT (1024 * 1024) /* what core/base/json.h reads */
#define MARGIN_S 300             /* docs/protocol.md 8.6: MIC/Internal/Constants.cs */
#define SKEW_S 300

static void add(struct kg_hash_ctx *hash, const char *text) {
  kg_hash_update(hash, kg_span_of(text, strlen(text) + 1));
}

/* The certificate is not part of the name but of what is inside: so a renewal's token takes its predecessor's place,
 * and nothing is left over. */
static char *format_name(const struct kg_token_cache_key *key) {
  const struct kg_identity *identity = key->identity;
  struct kg_hash_ctx hash;
  kg_hash_init(&hash, KG_HASH_SHA256);
  add(&hash, key->config->state_dir);
  add(&hash, identity->name);
  add(&hash, key->request->scope);
  add(&hash, kg_token_type_name(key->request->type));
  add(&hash, identity->attestation ? "attested" : "not attested");
  add(&hash, kg_strength_name(identity->floor));
  unsigned char digest[KG_HASH_MAX_SIZE];
  if (!kg_hash_final(&hash, digest)) return NULL;
  return kg_hex_format(kg_span_of(digest, 20));
}

static char *format_path(const struct kg_token_cache_key *key) {
  char *folder = kg_cache_folder(key->config->state_dir), *name = folder != NULL ? format_name(key) : NULL;
  char *path = name != NULL ? kg_file_join(folder, name, ".token") : NULL;
  free(folder);
  free(name);
  return path;
}

static bool says(const cJSON *object, const char *name, const char *expected) {
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
  return text != NULL && expected != NULL && strcmp(text, expected) == 0;
}

static bool is_for(const cJSON *object, const struct kg_token_cache_key *key) {
  char *thumbprint = kg_describe_thumbprint(key->binding);
  int64_t version = 0;
  bool same = kg_json_optional_int(object, "version", 0, KG_E_BINDING, &version, NULL) == KG_OK && version == VERSION &&
              says(object, "thumbprint", thumbprint) && says(object, "scope", key->request->scope) &&
              says(object, "token_type", kg_token_type_name(key->request->type)) &&
              says(object, "client_id", key->binding->client_id);
  free(thumbprint);
  return same;
}

/* In its time by a clock that does not run before the purchase; and a certificate's end is its tokens', too. */
static bool read_life(const cJSON *object, const struct kg_token_cache_key *key, int64_t now, struct kg_token *out,
                      bool *refresh_due) {
  int64_t bought = 0, expires = 0, end = kg_binding_end(key->binding);
  if (!kg_json_get_time(object, "bought_at", &bought) || !kg_json_get_time(object, "expires_at", &expires))
    return false;
  int64_t refresh = 0;
  *refresh_due = kg_json_get_time(object, "refresh_at", &refresh) && refresh <= now;
  if (expires > end) expires = end;
  out->expires_in = expires - now;
  out->refresh_in = refresh > now ? refresh - now : 0;
  return now >= bought - SKEW_S && out->expires_in > MARGIN_S;
}

static bool parse(struct kg_span text, const struct kg_token_cache_key *key, int64_t now, struct kg_token *out,
                  bool *refresh_due) {
  cJSON *object = kg_json_parse(text, KG_E_BINDING, NULL);
  const char *token = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "access_token"));
  bool good = object != NULL && token != NULL && *token && is_for(object, key) &&
              read_life(object, key, now, out, refresh_due) &&
              kg_token_check_bound(token, key->request->type, key->binding, NULL) == KG_OK &&
              kg_buf_set(&out->access_token, kg_span_text(token)) == KG_OK;
  kg_json_clear(&object);
  if (!good) kg_token_clear(out);
  return good;
}

bool kg_token_cache_get(const struct kg_token_cache_key *key, int64_t now, struct kg_token *out, bool *refresh_due) {
  char *path = format_path(key);
  *out = (struct kg_token){0};
  *refresh_due = false;
  struct kg_buf text = {0};
  bool found = path != NULL && kg_file_read(path, SIZE_LIMIT, KG_TRUST_PRIVATE, &text, NULL, NULL) == KG_OK &&
               parse(kg_buf_span(&text), key, now, out, refresh_due);
  kg_buf_clear(&text);
  free(path);
  return found;
}

static cJSON *make_object(const struct kg_token_cache_key *key, int64_t now, const struct kg_token *token) {
  cJSON *object = cJSON_CreateObject();
  char *thumbprint = kg_describe_thumbprint(key->binding);
  cJSON_AddNumberToObject(object, "version", VERSION);
  cJSON_AddStringToObject(object, "scope", key->request->scope);
  cJSON_AddStringToObject(object, "token_type", kg_token_type_name(key->request->type));
  cJSON_AddStringToObject(object, "client_id", key->binding->client_id);
  cJSON_AddStringToObject(object, "thumbprint", thumbprint != NULL ? thumbprint : "");
  kg_json_add_time(object, "bought_at", now);
  kg_json_add_time(object, "expires_at", now + token->expires_in);
  if (token->refresh_in > 0) kg_json_add_time(object, "refresh_at", now + token->refresh_in);
  free(thumbprint);
  return object;
}

/* A reference, and room of our own: the token is nowhere that is not wiped. */
static bool format(const struct kg_token_cache_key *key, int64_t now, const struct kg_token *token,
                   struct kg_buf *out) {
  cJSON *reference = cJSON_CreateStringReference((const char *)token->access_token.data);
  cJSON *object = make_object(key, now, token);
  bool added = reference != NULL && cJSON_AddItemToObject(object, "access_token", reference);
  size_t size = token->access_token.len + strlen(key->request->scope) + 1024;
  bool good = added && kg_buf_resize(out, size) == KG_OK &&
              cJSON_PrintPreallocated(object, (char *)out->data, (int)out->len, 1);
  if (good) out->len = strlen((const char *)out->data);
  if (!added) cJSON_Delete(reference);
  cJSON_Delete(object);
  return good;
}

void kg_token_cache_put(const struct kg_token_cache_key *key, int64_t now, const struct kg_token *token) {
  char *path = format_path(key);
  struct kg_buf text = {0};
  struct kg_error error = {0};
  if (path != NULL && format(key, now, token, &text) &&
      kg_file_replace(path, kg_buf_span(&text), 0600, &error) != KG_OK)
    kg_log_error(KG_LOG_WARN, &error);
  kg_buf_clear(&text);
  free(path);
}
