#include "core/base/encoding.h"

#include <nettle/base16.h>
#include <nettle/base64.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Keeps every length computed below far from overflow. */
#define LENGTH_MAX (SIZE_MAX / 16)

char *kg_hex_format(struct kg_span data) {
  char *text = data.len < LENGTH_MAX ? malloc(BASE16_ENCODE_LENGTH(data.len) + 1) : NULL;
  if (text == NULL) return NULL;
  if (data.len) base16_encode_update(text, data.len, data.data);
  text[BASE16_ENCODE_LENGTH(data.len)] = '\0';
  return text;
}

static char *encode64(struct base64_encode_ctx *ctx, struct kg_span data) {
  char *text = data.len < LENGTH_MAX ? malloc(BASE64_ENCODE_RAW_LENGTH(data.len) + 1) : NULL;
  if (text == NULL) return NULL;
  size_t length = 0;
  if (data.len) length = base64_encode_update(ctx, text, data.len, data.data);
  length += base64_encode_final(ctx, text + length);
  text[length] = '\0';
  return text;
}

char *kg_base64_format(struct kg_span data) {
  struct base64_encode_ctx ctx;
  base64_encode_init(&ctx);
  return encode64(&ctx, data);
}

char *kg_base64url_format(struct kg_span data) {
  struct base64_encode_ctx ctx;
  base64url_encode_init(&ctx);
  char *text = encode64(&ctx, data);
  if (text != NULL) text[strcspn(text, "=")] = '\0';
  return text;
}

enum kg_status kg_hex_parse(const char *text, struct kg_buf *out) {
  size_t length = text != NULL ? strlen(text) : 1;
  if (length % 2 || length >= LENGTH_MAX || strspn(text, "0123456789abcdefABCDEF") != length) return KG_E_USAGE;
  enum kg_status status = kg_buf_resize(out, length / 2);
  if (status != KG_OK || length == 0) return status;
  struct base16_decode_ctx ctx;
  base16_decode_init(&ctx);
  size_t decoded = out->len;
  if (!base16_decode_update(&ctx, &decoded, out->data, length, text) || !base16_decode_final(&ctx)) return KG_E_USAGE;
  return KG_OK;
}

/* nettle skips white space and ignores stray bits, so the one right form is what encoding gives back. */
static enum kg_status check_canonical(struct kg_span text, struct kg_span data, char *(*format)(struct kg_span)) {
  char *again = format(data);
  if (again == NULL) return KG_E_NO_MEMORY;
  bool same = kg_span_equal(kg_span_text(again), text);
  kg_wipe(again, strlen(again));
  free(again);
  return same ? KG_OK : KG_E_USAGE;
}

/* `*length` comes as the room in `data`. */
static bool decode_padded(struct base64_decode_ctx *ctx, struct kg_span text, const char *padding, unsigned char *data,
                          size_t *length) {
  if (text.len && !base64_decode_update(ctx, length, data, text.len, (const char *)text.data)) return false;
  if (text.len == 0) *length = 0;
  unsigned char ignored[BASE64_DECODE_LENGTH(2)];
  size_t none = sizeof ignored;
  if (*padding && !base64_decode_update(ctx, &none, ignored, strlen(padding), padding)) return false;
  return base64_decode_final(ctx);
}

static enum kg_status decode64(struct base64_decode_ctx *ctx, struct kg_span text, const char *padding,
                               char *(*format)(struct kg_span), struct kg_buf *out) {
  if (text.len >= LENGTH_MAX) return KG_E_USAGE;
  struct kg_buf data = {0};
  enum kg_status status = kg_buf_resize(&data, BASE64_DECODE_LENGTH(text.len));
  size_t length = data.len;
  if (status == KG_OK && !decode_padded(ctx, text, padding, data.data, &length)) status = KG_E_USAGE;
  if (status == KG_OK) status = check_canonical(text, kg_span_of(data.data, length), format);
  if (status == KG_OK) status = kg_buf_set(out, kg_span_of(data.data, length));
  kg_buf_clear(&data);
  return status;
}

enum kg_status kg_base64_parse(const char *text, struct kg_buf *out) {
  if (text == NULL) return KG_E_USAGE;
  struct base64_decode_ctx ctx;
  base64_decode_init(&ctx);
  return decode64(&ctx, kg_span_text(text), "", kg_base64_format, out);
}

enum kg_status kg_base64url_parse(struct kg_span text, struct kg_buf *out) {
  static const char *const padding[] = {"", NULL, "==", "="};
  if (padding[text.len % 4] == NULL) return KG_E_USAGE;
  struct base64_decode_ctx ctx;
  base64url_decode_init(&ctx);
  return decode64(&ctx, text, padding[text.len % 4], kg_base64url_format, out);
}
