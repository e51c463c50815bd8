#include "core/key/token_uri.h"

#include "core/base/buf.h"

#include <string.h>

#define TOKEN_MAX 32 /* CK_TOKEN_INFO.label */

/* RFC 7512 section 2.3: unreserved characters, and no others, are written as they are. */
static bool append_value(struct kg_buf *out, const char *name, const char *value) {
  static const char digits[] = "0123456789ABCDEF";
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  bool good = kg_buf_append(out, kg_span_text(name)) == KG_OK;
  for (; good && *value; value++) {
    char escaped[3] = {'%', digits[(unsigned char)*value >> 4], digits[(unsigned char)*value & 15]};
    bool is_plain = strchr(plain, *value) != NULL;
    good = kg_buf_append(out, is_plain ? kg_span_of(value, 1) : kg_span_of(escaped, sizeof escaped)) == KG_OK;
  }
  return good;
}

static bool is_type(const char *type) {
  static const char *const types[] = {"private", "public", "cert", "data"};
  for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
    if (strcmp(types[i], type) == 0) return true;
  return false;
}

char *kg_token_uri_format(const char *token, const char *object, const char *type) {
  const struct { const char *name, *value; } parts[] = {{"token=", token}, {"object=", object}, {"type=", type}};
  if (token != NULL && (token[0] == '\0' || strlen(token) > TOKEN_MAX)) return NULL;
  if (type != NULL && !is_type(type)) return NULL;
  struct kg_buf out = {0};
  const char *separator = "";
  bool good = kg_buf_append(&out, kg_span_text("pkcs11:")) == KG_OK;
  for (size_t i = 0; good && i < sizeof parts / sizeof parts[0]; i++) {
    if (parts[i].value == NULL) continue;
    good = kg_buf_append(&out, kg_span_text(separator)) == KG_OK && append_value(&out, parts[i].name, parts[i].value);
    separator = ";";
  }
  char *text = good ? kg_strdup((char *)out.data) : NULL;
  kg_buf_clear(&out);
  return text;
}
