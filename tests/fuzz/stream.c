#include "stream.h"

#include <stdlib.h>
#include <string.h>

#define ATTRIBUTES_MAX 8
#define VALUE_MAX 320

uint8_t stream_byte(struct stream *stream) {
  if (stream->left == 0) return 0;
  stream->left--;
  return *stream->data++;
}

CK_ULONG stream_word(struct stream *stream) {
  static const CK_ULONG edges[] = {0,          1,          2,           (CK_ULONG)-1,     (CK_ULONG)-2,
                                   0x7fffffff, 0x80000000, 0xffffffffu, (CK_ULONG)-1 >> 1};
  uint8_t first = stream_byte(stream);
  if (first < 0xe0) return first;
  if (first < 0xf0) {
    CK_ULONG high = stream_byte(stream);
    return (CK_ULONG)first << 24 | high << 8 | stream_byte(stream);
  }
  return edges[first % (sizeof edges / sizeof edges[0])];
}

void *stream_heap(struct stream *stream, size_t size) {
  size_t given = size < stream->left ? size : stream->left;
  unsigned char *heap = stream->heaps_count < STREAM_HEAPS ? malloc(size + !size) : NULL;
  if (heap == NULL) abort();
  if (given) memcpy(heap, stream->data, given);
  memset(heap + given, 0, size - given);
  stream->data += given;
  stream->left -= given;
  stream->heaps[stream->heaps_count++] = heap;
  return heap;
}

void stream_release(struct stream *stream) {
  while (stream->heaps_count)
    free(stream->heaps[--stream->heaps_count]);
}

static CK_ATTRIBUTE_TYPE type_from(struct stream *stream) {
  static const CK_ATTRIBUTE_TYPE types[] = {
      CKA_CLASS,      CKA_TOKEN,           CKA_PRIVATE,          CKA_LABEL,       CKA_UNIQUE_ID,
      CKA_ID,         CKA_VALUE,           CKA_KEY_TYPE,         CKA_MODULUS,     CKA_MODULUS_BITS,
      CKA_PRIME_1,    CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT, CKA_SUBJECT,     CKA_ISSUER,
      CKA_START_DATE, CKA_END_DATE,        CKA_SERIAL_NUMBER,    CKA_PROFILE_ID,  CKA_ALLOWED_MECHANISMS,
      CKA_SIGN,       CKA_VERIFY,          CKA_CHECK_VALUE,      CKA_APPLICATION, CKA_UNWRAP_TEMPLATE,
  };
  uint8_t choice = stream_byte(stream);
  size_t known = sizeof types / sizeof types[0];
  return choice < 8 * known ? types[choice % known] : (CK_ATTRIBUTE_TYPE)stream_word(stream) << choice % 32;
}

/* A value of the type's own form now and then, or nothing random ever matches. */
static void value_from(struct stream *stream, CK_ATTRIBUTE *out) {
  uint8_t form = stream_byte(stream);
  if (form < 0x40) {
    CK_ULONG number = stream_word(stream);
    out->ulValueLen = sizeof number;
    out->pValue = memcpy(stream_heap(stream, sizeof number), &number, sizeof number);
  } else if (form < 0x60) {
    out->ulValueLen = 1;
    out->pValue = stream_heap(stream, 1);
    *(CK_BBOOL *)out->pValue = form & 1;
  } else if (form < 0x70) {
    out->ulValueLen = stream_word(stream); /* without a pointer: any length */
  } else {
    out->ulValueLen = stream_byte(stream);
    out->pValue = stream_heap(stream, out->ulValueLen);
  }
}

static void room_from(struct stream *stream, CK_ATTRIBUTE *out) {
  uint8_t form = stream_byte(stream);
  if (form < 0x40) {
    out->ulValueLen = stream_word(stream);
    return;
  }
  out->ulValueLen = (CK_ULONG)(form - 0x40) * VALUE_MAX / 0xbf;
  out->pValue = stream_heap(stream, out->ulValueLen);
}

CK_ATTRIBUTE *stream_template(struct stream *stream, bool for_answers, CK_ULONG *count) {
  *count = stream_byte(stream) % (ATTRIBUTES_MAX + 1);
  CK_ATTRIBUTE *attributes = NULL;
  attributes = stream_heap(stream, *count * sizeof *attributes);
  for (CK_ULONG i = 0; i < *count; i++) {
    memset(&attributes[i], 0, sizeof attributes[i]);
    attributes[i].type = type_from(stream);
    if (for_answers)
      room_from(stream, &attributes[i]);
    else
      value_from(stream, &attributes[i]);
  }
  return attributes;
}
