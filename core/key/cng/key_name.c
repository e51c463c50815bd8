#include "core/key/cng/key_name.h"

#include "core/base/encoding.h"
#include "core/base/hash.h"
#include "core/os/user_win.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

static enum kg_status parse_name(const char *value, size_t length, struct kg_cng_name *out, struct kg_error *error) {
  if (length == 0 || length > KG_CNG_NAME_MAX || strspn(value, allowed) < length)
    return kg_error_set(error, KG_E_USAGE, "cng: name must be 1 to %d letters, digits, '.', '_' or '-'",
                        KG_CNG_NAME_MAX);
  memcpy(out->name, value, length);
  out->name[length] = '\0';
  return KG_OK;
}

static enum kg_status parse_scope(const char *value, size_t length, struct kg_cng_name *out, struct kg_error *error) {
  out->machine = length == 7 && memcmp(value, "machine", 7) == 0;
  if (out->machine || (length == 4 && memcmp(value, "user", 4) == 0)) return KG_OK;
  return kg_error_set(error, KG_E_USAGE, "cng: scope must be user or machine");
}

static bool is_sid(const char *text, size_t length) {
  return length >= 7 && length < 184 && strncmp(text, "S-1-", 4) == 0 &&
         strspn(text + 4, "0123456789-") >= length - 4 && text[length - 1] != '-';
}

/* The SIDs become the list's last entries. */
static enum kg_status parse_allow(const char *value, size_t length, struct kg_cng_name *out, struct kg_error *error) {
  const char *end = value + length;
  size_t used = (size_t)snprintf(out->access, sizeof out->access, "D:P(A;;GA;;;SY)(A;;GA;;;BA)");
  int count = 0;
  for (const char *at = value; at <= end; at++) {
    size_t part = strcspn(at, ",;");
    if (!is_sid(at, part) || ++count > KG_CNG_ALLOW_MAX)
      return kg_error_set(error, KG_E_USAGE, "cng: allow must be 1 to %d SIDs (S-1-...) with commas between",
                          KG_CNG_ALLOW_MAX);
    used += (size_t)snprintf(out->access + used, sizeof out->access - used, "(A;;GR;;;%.*s)", (int)part, at);
    at += part;
  }
  return KG_OK;
}

static const struct part {
  const char *name;
  enum kg_status (*parse)(const char *value, size_t length, struct kg_cng_name *out, struct kg_error *error);
} parts[] = {{"name=", parse_name}, {"scope=", parse_scope}, {"allow=", parse_allow}};
#define PART_COUNT (sizeof parts / sizeof parts[0])

static enum kg_status parse_part(const char *text, size_t length, unsigned *seen, struct kg_cng_name *out,
                                 struct kg_error *error) {
  for (size_t i = 0; i < PART_COUNT; i++) {
    size_t head = strlen(parts[i].name);
    if (strncmp(text, parts[i].name, head) != 0 || *seen & 1U << i) continue;
    *seen |= 1U << i;
    return parts[i].parse(text + head, length - head, out, error);
  }
  return kg_error_set(error, KG_E_USAGE, "cng: only name=, scope= and allow=, each once, are known");
}

enum kg_status kg_cng_name_parse(const char *store, struct kg_cng_name *out, struct kg_error *error) {
  static const char scheme[] = "cng:";
  const char *at = store + sizeof scheme - 1;
  memset(out, 0, sizeof *out);
  memcpy(out->name, KG_CNG_DEFAULT_NAME, sizeof KG_CNG_DEFAULT_NAME);
  if (strncmp(store, scheme, sizeof scheme - 1) != 0) return kg_error_set(error, KG_E_USAGE, "not a cng: key store");
  enum kg_status status = KG_OK;
  unsigned seen = 0;
  while (*at && status == KG_OK) {
    size_t length = strcspn(at, ";");
    status = parse_part(at, length, &seen, out, error);
    at += length;
    if (*at == ';' && *++at == '\0') status = kg_error_set(error, KG_E_USAGE, "cng: nothing follows the ';'");
  }
  if (status == KG_OK && out->access[0] && !out->machine)
    status = kg_error_set(error, KG_E_USAGE, "cng: allow= needs scope=machine: a user's key is that user's alone");
  return status;
}

enum kg_status kg_cng_place_parse(const char *text, void **place, char **shown, struct kg_error *error) {
  struct kg_cng_name *name = malloc(sizeof *name);
  if (name == NULL) return kg_error_no_memory(error, "for a key-store URI");
  enum kg_status status = kg_cng_name_parse(text, name, error);
  char *copy = status == KG_OK ? kg_strdup(text) : NULL;
  if (status == KG_OK && copy == NULL) status = kg_error_no_memory(error, "for a key-store URI");
  if (status != KG_OK) {
    free(name);
    return status;
  }
  *place = name;
  *shown = copy;
  return KG_OK;
}

void kg_cng_place_free(void *place) {
  free(place);
}

void kg_cng_name_wide(const struct kg_cng_name *name, wchar_t out[KG_CNG_NAME_MAX + 1]) {
  size_t i = 0;
  for (; name->name[i]; i++)
    out[i] = (wchar_t)(unsigned char)name->name[i]; /* ASCII, see parse_name() */
  out[i] = L'\0';
}

static char upper(char c) {
  return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

enum kg_status kg_cng_mutex_name(const struct kg_cng_name *name, wchar_t out[KG_CNG_MUTEX_NAME_SIZE],
                                 struct kg_error *error) {
  static const wchar_t prefix[] = L"Global\\KeyguardPkcs11_";
  char sid[KG_SID_TEXT_SIZE] = "machine";
  size_t length = wcslen(prefix);
  enum kg_status status = name->machine ? KG_OK : kg_user_sid(sid, error);
  if (status != KG_OK) return status;
  char text[KG_CNG_NAME_MAX + KG_SID_TEXT_SIZE + 16];
  snprintf(text, sizeof text, "%s|%s", sid, name->name);
  for (char *at = text; *at; at++)
    *at = upper(*at);
  unsigned char digest[32];
  if (!kg_hash_once(KG_HASH_SHA256, kg_span_text(text), digest)) return KG_E_NO_MEMORY;
  char *hex = kg_hex_format(kg_span_of(digest, 16));
  if (hex == NULL) return kg_error_no_memory(error, "for a key's lock");
  memcpy(out, prefix, length * sizeof *out);
  for (size_t i = 0; i <= strlen(hex); i++)
    out[length + i] = (wchar_t)(unsigned char)hex[i];
  free(hex);
  return KG_OK;
}
