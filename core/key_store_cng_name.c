#include "core/key_store_cng_name.h"

#include "core/encoding.h"
#include "core/hash.h"
#include "core/user_win.h"

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

enum kg_status kg_cng_name_parse(const char *store, struct kg_cng_name *out, struct kg_error *error) {
  static const char scheme[] = "cng:";
  bool have_name = false, have_scope = false;
  enum kg_status status = KG_OK;
  const char *at = store + sizeof scheme - 1;

  memset(out, 0, sizeof *out);
  memcpy(out->name, KG_CNG_DEFAULT_NAME, sizeof KG_CNG_DEFAULT_NAME);
  if (strncmp(store, scheme, sizeof scheme - 1) != 0) return kg_error_set(error, KG_E_USAGE, "not a cng: key store");
  while (*at && !status) {
    size_t length = strcspn(at, ";");
    if (strncmp(at, "name=", 5) == 0 && !have_name) {
      have_name = true;
      status = parse_name(at + 5, length - 5, out, error);
    } else if (strncmp(at, "scope=", 6) == 0 && !have_scope) {
      have_scope = true;
      status = parse_scope(at + 6, length - 6, out, error);
    } else {
      status = kg_error_set(error, KG_E_USAGE, "cng: only name= and scope=, each once, are known");
    }
    at += length;
    if (*at == ';' && at[1] == '\0') status = kg_error_set(error, KG_E_USAGE, "cng: nothing follows the ';'");
    if (*at == ';') at++;
  }
  return status;
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
  char text[KG_CNG_NAME_MAX + KG_SID_TEXT_SIZE + 16], sid[KG_SID_TEXT_SIZE] = "machine", *hex = NULL;
  unsigned char digest[32];
  size_t length = wcslen(prefix);
  enum kg_status status = name->machine ? KG_OK : kg_user_sid(sid, error);

  if (status) return status;
  snprintf(text, sizeof text, "%s|%s", sid, name->name);
  for (char *at = text; *at; at++)
    *at = upper(*at);
  if (!kg_hash_once(KG_HASH_SHA256, kg_span_text(text), digest)) return KG_E_NO_MEMORY;
  hex = kg_hex_format(kg_span_of(digest, 16));
  if (!hex) return kg_error_set(error, KG_E_NO_MEMORY, "out of memory");
  memcpy(out, prefix, length * sizeof *out);
  for (size_t i = 0; i <= strlen(hex); i++)
    out[length + i] = (wchar_t)(unsigned char)hex[i];
  free(hex);
  return KG_OK;
}
