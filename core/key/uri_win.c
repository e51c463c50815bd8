/* Our own tokens' URIs. There is no `pkcs11:` key store in the Windows build, so none has to be parsed. */
#include "core/key/uri.h"

#include <stdlib.h>
#include <string.h>

enum kg_status kg_uri_parse(const char *text, struct kg_uri *out, struct kg_error *error) {
  (void)text;
  memset(out, 0, sizeof *out);
  return kg_error_set(error, KG_E_USAGE, "this build has no pkcs11: key store; use cng:");
}

void kg_uri_clear(struct kg_uri *uri) {
  memset(uri, 0, sizeof *uri);
}

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

char *kg_uri_format(const char *token, const char *object, const char *type) {
  struct kg_buf out = {0};
  const char *separator = "";
  bool good = kg_buf_append(&out, kg_span_text("pkcs11:")) == KG_OK;
  const struct { const char *name, *value; } parts[] = {{"token=", token}, {"object=", object}, {"type=", type}};
  for (size_t i = 0; good && i < sizeof parts / sizeof parts[0]; i++) {
    if (parts[i].value == NULL) continue;
    good = kg_buf_append(&out, kg_span_text(separator)) == KG_OK && append_value(&out, parts[i].name, parts[i].value);
    separator = ";";
  }
  char *text = NULL;
  if (good) text = kg_strdup((char *)out.data);
  kg_buf_clear(&out);
  return text;
}

char *kg_uri_redact(const char *text) {
  return text != NULL && strstr(text, "pin-") == NULL ? kg_strdup(text) : NULL;
}
