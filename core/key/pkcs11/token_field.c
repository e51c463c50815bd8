#include "core/key/pkcs11/token_field.h"

#include "core/base/buf.h"

size_t kg_token_field_length(const CK_UTF8CHAR *field, size_t size) {
  while (size > 0 && (field[size - 1] == ' ' || field[size - 1] == '\0'))
    size--;
  return size;
}

bool kg_token_field_is(const CK_UTF8CHAR *field, size_t size, const char *text) {
  return kg_span_equal(kg_span_text(text), kg_span_of(field, kg_token_field_length(field, size)));
}
