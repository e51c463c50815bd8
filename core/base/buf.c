#include "core/base/buf.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct kg_span kg_span_of(const void *data, size_t len) {
  struct kg_span span = {data, len};
  return span;
}

struct kg_span kg_span_text(const char *text) {
  return kg_span_of(text, text != NULL ? strlen(text) : 0);
}

bool kg_span_equal(struct kg_span a, struct kg_span b) {
  return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Wipes and frees the old storage, which is why nothing here is a realloc(). */
static void replace(struct kg_buf *buf, unsigned char *data, size_t len, size_t size) {
  kg_buf_clear(buf);
  buf->data = data;
  buf->len = len;
  buf->size = size;
}

enum kg_status kg_buf_set(struct kg_buf *buf, struct kg_span from) {
  unsigned char *data = from.len < SIZE_MAX ? malloc(from.len + 1) : NULL;
  if (data == NULL) return KG_E_NO_MEMORY;
  if (from.len) memcpy(data, from.data, from.len);
  data[from.len] = '\0';
  replace(buf, data, from.len, from.len + 1);
  return KG_OK;
}

/* For the first contents no more than they need: most buffers are filled once, and a reader's step beyond their end is
 * then one that a sanitizer sees. */
static size_t grown(const struct kg_buf *buf, size_t needed) {
  size_t doubled = buf->size <= SIZE_MAX / 2 ? 2 * buf->size : SIZE_MAX;
  return needed > doubled ? needed : doubled;
}

enum kg_status kg_buf_append(struct kg_buf *buf, struct kg_span from) {
  if (from.len > SIZE_MAX - 1 - buf->len) return KG_E_NO_MEMORY;
  size_t old_len = buf->len, len = old_len + from.len;
  bool fits = len < buf->size;
  size_t size = fits ? buf->size : grown(buf, len + 1);
  unsigned char *data = fits ? buf->data : malloc(size);
  if (data == NULL) return KG_E_NO_MEMORY;
  if (!fits && old_len) memcpy(data, buf->data, old_len);
  if (from.len) memmove(data + old_len, from.data, from.len); /* before the old storage, which may hold it, goes */
  data[len] = '\0';
  if (!fits) replace(buf, data, len, size);
  buf->len = len;
  return KG_OK;
}

enum kg_status kg_buf_resize(struct kg_buf *buf, size_t len) {
  unsigned char *data = len < SIZE_MAX ? calloc(1, len + 1) : NULL;
  if (data == NULL) return KG_E_NO_MEMORY;
  replace(buf, data, len, len + 1);
  return KG_OK;
}

struct kg_span kg_buf_span(const struct kg_buf *buf) {
  return kg_span_of(buf->data, buf->len);
}

void kg_buf_clear(struct kg_buf *buf) {
  if (buf == NULL) return;
  kg_wipe(buf->data, buf->size); /* beyond the contents, too: they may have been longer */
  free(buf->data);
  buf->data = NULL;
  buf->len = buf->size = 0;
}

/* Through a volatile pointer, because the compiler may not assume what it points to. */
static void *(*const volatile wipe_memset)(void *, int, size_t) = memset;

void kg_wipe(void *data, size_t len) {
  if (data != NULL && len) wipe_memset(data, 0, len);
}

char *kg_strdup(const char *text) {
  size_t size = text != NULL ? strlen(text) + 1 : 0;
  char *copy = text != NULL ? malloc(size) : NULL;
  if (copy != NULL) memcpy(copy, text, size);
  return copy;
}
