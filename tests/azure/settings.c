#include "settings.h"

#include "text.h"

#include <stddef.h>
#include <string.h>

const struct az_settings az_settings_default = {
    .attestation_endpoint = true,
    .allow_bypass_cache = true,
    .expires_in = 86399,
    .validity_s = 7 * 24 * 3600,
    .not_before_s = -300,
};

static const struct member {
  const char *name;
  bool is_bool;
  size_t offset;
} members[] = {
    {"require_attestation", true, offsetof(struct az_settings, require_attestation)},
    {"scale_set", true, offsetof(struct az_settings, scale_set)},
    {"attestation_endpoint", true, offsetof(struct az_settings, attestation_endpoint)},
    {"allow_bypass_cache", true, offsetof(struct az_settings, allow_bypass_cache)},
    {"other_machine", true, offsetof(struct az_settings, other_machine)},
    {"other_identity", true, offsetof(struct az_settings, other_identity)},
    {"expires_in_string", true, offsetof(struct az_settings, expires_in_string)},
    {"expires_in", false, offsetof(struct az_settings, expires_in)},
    {"validity_s", false, offsetof(struct az_settings, validity_s)},
    {"not_before_s", false, offsetof(struct az_settings, not_before_s)},
    {"token_not_after_s", false, offsetof(struct az_settings, token_not_after_s)},
};

static const struct member *find(const char *name) {
  for (size_t i = 0; i < sizeof members / sizeof *members; i++)
    if (strcmp(members[i].name, name) == 0) return &members[i];
  return NULL;
}

static bool *get_bool(struct az_settings *settings, const struct member *member) {
  return (bool *)(void *)((char *)settings + member->offset);
}

static long *get_number(struct az_settings *settings, const struct member *member) {
  return (long *)(void *)((char *)settings + member->offset);
}

char *az_settings_merge(struct az_settings *settings, const cJSON *object) {
  struct az_settings changed = *settings;
  if (!cJSON_IsObject(object)) return az_text_dup("a JSON object is expected");
  for (const cJSON *item = object->child; item != NULL; item = item->next) {
    const struct member *member = find(item->string);
    if (member == NULL) return az_text_format("unknown setting: %s", item->string);
    if (member->is_bool ? !cJSON_IsBool(item) : !cJSON_IsNumber(item))
      return az_text_format("%s must be a %s", item->string, member->is_bool ? "boolean" : "number");
    if (member->is_bool)
      *get_bool(&changed, member) = cJSON_IsTrue(item);
    else
      *get_number(&changed, member) = (long)item->valuedouble;
  }
  *settings = changed;
  return NULL;
}

cJSON *az_settings_format(const struct az_settings *settings) {
  struct az_settings copy = *settings;
  cJSON *object = cJSON_CreateObject();
  for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
    const struct member *m = &members[i];
    if (m->is_bool)
      cJSON_AddBoolToObject(object, m->name, *get_bool(&copy, m));
    else
      cJSON_AddNumberToObject(object, m->name, (double)*get_number(&copy, m));
  }
  return object;
}
