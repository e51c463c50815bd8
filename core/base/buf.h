/* Bytes with an owner (kg_buf) and bytes without (kg_span). A kg_buf is wiped before it is freed. */
#ifndef KG_CORE_BASE_BUF_H
#define KG_CORE_BASE_BUF_H

#include "core/base/status.h"

#include <stdbool.h>
#include <stddef.h>

struct kg_span {
  const unsigned char *data;
  size_t len;
};

struct kg_buf { /* {0} is an empty one; data[len] is always a NUL once something was set */
  unsigned char *data;
  size_t len;
  size_t size; /* of the storage, the NUL included */
};

struct kg_span kg_span_of(const void *data, size_t len);
struct kg_span kg_span_text(const char *text); /* without the NUL */
bool kg_span_equal(struct kg_span a, struct kg_span b);

/* Replaces the contents by a copy, which may be of a part of themselves. On KG_E_NO_MEMORY the old contents stay. */
KG_MUST_USE enum kg_status kg_buf_set(struct kg_buf *buf, struct kg_span from);
/* The same promises. The storage doubles when it is full, so many small pieces cost no more than a few large ones. */
KG_MUST_USE enum kg_status kg_buf_append(struct kg_buf *buf, struct kg_span from);
/* New zeroed contents of `len` bytes. */
KG_MUST_USE enum kg_status kg_buf_resize(struct kg_buf *buf, size_t len);
struct kg_span kg_buf_span(const struct kg_buf *buf);
void kg_buf_clear(struct kg_buf *buf); /* wipes, frees, zeroes; safe on {0} and twice */

void kg_wipe(void *data, size_t len); /* not optimised away */
char *kg_strdup(const char *text);    /* NULL in, NULL out */

#endif
