#include "core/base/plugin_error.h"

#include <stddef.h>
#include <string.h>

#define PART(member)                                                                                                   \
  {                                                                                                                    \
    offsetof(struct kg_error, member), sizeof((struct kg_error *)0)->member, offsetof(struct kg_plugin_error, member), \
        sizeof((struct kg_plugin_error *)0)->member                                                                    \
  }

static const struct part {
  size_t ours, our_size, theirs, their_size;
} parts[] = {PART(sub_code), PART(oauth_error), PART(aadsts), PART(correlation_id)};
#define PART_COUNT (sizeof parts / sizeof parts[0])

/* The plugin's texts may lack their NUL: it is foreign code. */
static void copy_text(char *to, size_t to_size, const char *from, size_t from_size) {
  size_t len = 0;
  while (len < from_size && len + 1 < to_size && from[len])
    len++;
  memcpy(to, from, len);
  to[len] = '\0';
}

static void copy_word(char *to, size_t size, const char *word) {
  copy_text(to, size, word, strlen(word) + 1);
}

bool kg_plugin_error_export(const struct kg_error *from, struct kg_plugin_error *to) {
  if (to == NULL || to->size < sizeof *to) return false;
  memset(to, 0, sizeof *to);
  to->size = sizeof *to;
  to->http_status = from->http_status;
  to->native_code = from->native_code;
  for (const struct part *part = parts; part < parts + PART_COUNT; part++)
    copy_text((char *)to + part->theirs, part->their_size, (const char *)from + part->ours, part->our_size);
  copy_word(to->text, sizeof to->text, from->text);
  copy_word(to->code, sizeof to->code, kg_status_code(from->status));
  copy_word(to->sub_code, sizeof to->sub_code, kg_error_sub_code(from));
  copy_word(to->status, sizeof to->status, kg_status_name(from->status));
  return true;
}

static bool has_code(enum kg_status status, const char *code, const char *sub_code) {
  return strcmp(kg_status_code(status), code) == 0 &&
         (sub_code == NULL || strcmp(kg_status_sub_code(status), sub_code) == 0);
}

static enum kg_status status_of(const struct kg_plugin_error *from) {
  enum kg_status named;
  if (kg_status_parse(from->status, &named)) return named;
  enum kg_status first = from->http_status ? KG_E_IMDS_V1_ONLY : KG_OK + 1; /* an answer is no local refusal */
  for (int status = first; status < KG_STATUS_COUNT; status++)
    if (has_code((enum kg_status)status, from->code, from->sub_code)) return (enum kg_status)status;
  if (has_code(KG_E_ATTESTATION_REQUIRES_POP, from->code, NULL)) return KG_E_ATTESTATION_REQUIRES_POP;
  if (has_code(KG_E_KEYGUARD_UNAVAILABLE, from->code, NULL)) return KG_E_KEYGUARD_UNAVAILABLE;
  return from->http_status ? KG_E_IMDS_FAILED : KG_E_PLUGIN;
}

enum kg_status kg_plugin_error_import(const struct kg_plugin_error *from, struct kg_error *error) {
  struct kg_plugin_error safe = *from;
  safe.code[sizeof safe.code - 1] = safe.sub_code[sizeof safe.sub_code - 1] = '\0';
  safe.status[sizeof safe.status - 1] = safe.text[sizeof safe.text - 1] = '\0';
  enum kg_status status = status_of(&safe);
  (void)kg_error_set_code(error, status, safe.native_code, "%s",
                          safe.text[0] ? safe.text : "the credential plugin failed and does not say why");
  if (error == NULL) return status;
  error->http_status = safe.http_status;
  for (const struct part *part = parts; part < parts + PART_COUNT; part++)
    copy_text((char *)error + part->ours, part->our_size, (const char *)&safe + part->theirs, part->their_size);
  return status;
}
