/* Decisions out of a fuzzer's bytes: what is asked for beyond the end is zero. */
#ifndef KG_TESTS_FUZZ_STREAM_H
#define KG_TESTS_FUZZ_STREAM_H

#include "keyguard/cryptoki.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STREAM_HEAPS 64

struct stream {
  const uint8_t *data;
  size_t left;
  void *heaps[STREAM_HEAPS]; /* what stream_heap gave out */
  size_t heaps_count;
};

uint8_t stream_byte(struct stream *stream);
/* Small ones mostly, and those at the edges of the type. */
CK_ULONG stream_word(struct stream *stream);
/* Memory of exactly `size` bytes, filled from the stream; at most STREAM_HEAPS until stream_release(). */
void *stream_heap(struct stream *stream, size_t size);
void stream_release(struct stream *stream);
/* Attributes with values of any size. With `for_answers` they are room for values, or ask for lengths. */
CK_ATTRIBUTE *stream_template(struct stream *stream, bool for_answers, CK_ULONG *count);

#endif
