#include "core/base/encoding.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <wincrypt.h>

#define LENGTH_MAX 0x20000000 /* Windows counts in 32 bits; twice this still fits */

static char *empty(void) {
  return calloc(1, 1);
}

static char *encode(struct kg_span data, DWORD flags) {
  if (data.len == 0) return empty();
  DWORD size = 0;
  if (data.len >= LENGTH_MAX || !CryptBinaryToStringA(data.data, (DWORD)data.len, flags, NULL, &size)) return NULL;
  char *text = calloc(1, (size_t)size + 1);
  if (text == NULL || CryptBinaryToStringA(data.data, (DWORD)data.len, flags, text, &size)) return text;
  free(text);
  return NULL;
}

char *kg_hex_format(struct kg_span data) {
  static const char digits[] = "0123456789abcdef";
  char *text = data.len < LENGTH_MAX ? malloc(data.len * 2 + 1) : NULL;
  if (text == NULL) return NULL;
  for (size_t i = 0; i < data.len; i++) {
    text[2 * i] = digits[data.data[i] >> 4];
    text[2 * i + 1] = digits[data.data[i] & 15];
  }
  text[data.len * 2] = '\0';
  return text;
}

char *kg_base64_format(struct kg_span data) {
  return encode(data, CRYPT_STRING_BASE64 | CRYPT_STRING_NOCRLF);
}

static void replace(char *text, char from, char to) {
  for (char *at = strchr(text, from); at != NULL; at = strchr(at, from))
    *at = to;
}

char *kg_base64url_format(struct kg_span data) {
  char *text = kg_base64_format(data);
  if (text == NULL) return NULL;
  replace(text, '+', '-');
  replace(text, '/', '_');
  text[strcspn(text, "=")] = '\0';
  return text;
}

static int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

enum kg_status kg_hex_parse(const char *text, struct kg_buf *out) {
  size_t length = text != NULL ? strlen(text) : 1;
  if (length % 2 || length >= LENGTH_MAX) return KG_E_USAGE;
  struct kg_buf data = {0};
  enum kg_status status = kg_buf_resize(&data, length / 2);
  for (size_t i = 0; status == KG_OK && i < length / 2; i++) {
    int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);
    if (high < 0 || low < 0)
      status = KG_E_USAGE;
    else
      data.data[i] = (unsigned char)(high << 4 | low);
  }
  if (status == KG_OK) status = kg_buf_set(out, kg_buf_span(&data));
  kg_buf_clear(&data);
  return status;
}

/* Windows skips white space and stray bits, so the one right form is what encoding gives back. */
static bool is_canonical(const char *text, struct kg_span data) {
  char *again = kg_base64_format(data);
  bool same = again != NULL && strcmp(again, text) == 0;
  if (again != NULL) kg_wipe(again, strlen(again));
  free(again);
  return same;
}

enum kg_status kg_base64_parse(const char *text, struct kg_buf *out) {
  size_t length = text != NULL ? strlen(text) : LENGTH_MAX;
  DWORD size = (DWORD)length;
  if (length >= LENGTH_MAX) return KG_E_USAGE;
  if (length == 0) return kg_buf_set(out, kg_span_of(NULL, 0));
  struct kg_buf data = {0};
  enum kg_status status = kg_buf_resize(&data, length); /* more than enough */
  if (status != KG_OK) return status;
  if (!CryptStringToBinaryA(text, (DWORD)length, CRYPT_STRING_BASE64, data.data, &size, NULL, NULL) ||
      !is_canonical(text, kg_span_of(data.data, size)))
    status = KG_E_USAGE;
  else
    status = kg_buf_set(out, kg_span_of(data.data, size));
  kg_buf_clear(&data);
  return status;
}

enum kg_status kg_base64url_parse(struct kg_span text, struct kg_buf *out) {
  if (text.len % 4 == 1 || text.len >= LENGTH_MAX) return KG_E_USAGE;
  if (text.len && (memchr(text.data, '+', text.len) != NULL || memchr(text.data, '/', text.len) != NULL ||
                   memchr(text.data, '=', text.len) != NULL || memchr(text.data, '\0', text.len) != NULL))
    return KG_E_USAGE;
  struct kg_buf copy = {0};
  enum kg_status status = kg_buf_set(&copy, text);
  if (status == KG_OK && text.len % 4) status = kg_buf_append(&copy, kg_span_of("==", 4 - text.len % 4));
  if (status == KG_OK) {
    replace((char *)copy.data, '-', '+');
    replace((char *)copy.data, '_', '/');
    status = kg_base64_parse((char *)copy.data, out);
  }
  kg_buf_clear(&copy);
  return status;
}
