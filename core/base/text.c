#include "core/base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Length of the UTF-8 sequence that `text` begins with, its code point in *point; 0 where it is none (RFC 3629). */
static size_t utf8_length(const unsigned char *text, uint32_t *point) {
  static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t length = text[0] < 0x80 ? 1 : text[0] < 0xC0 ? 0 : text[0] < 0xE0 ? 2 : text[0] < 0xF0 ? 3 : 4;
  if (length == 0 || text[0] >= 0xF8) return 0;
  *point = length == 1 ? text[0] : text[0] & (0x7FU >> length);
  for (size_t i = 1; i < length; i++) {
    if ((text[i] & 0xC0) != 0x80) return 0; /* the NUL ends it, too */
    *point = *point << 6 | (text[i] & 0x3FU);
  }
  if (*point < smallest[length] || *point > 0x10FFFF || (*point >= 0xD800 && *point <= 0xDFFF)) return 0;
  return length;
}

static bool is_harmless(uint32_t point) {
  if (point < 0x20 || (point >= 0x7F && point < 0xA0)) return false; /* C0, DEL, C1 */
  if (point >= 0x2028 && point <= 0x202E) return false;              /* line separators, bidi overrides */
  return !(point >= 0x2066 && point <= 0x2069) && point != 0xFEFF;   /* bidi isolates, byte order mark */
}

void kg_text_clean(char *text) {
  unsigned char *at = (unsigned char *)text;
  while (at != NULL && *at) {
    uint32_t point = 0;
    size_t length = utf8_length(at, &point);
    if (length == 0 || !is_harmless(point)) {
      length = length ? length : 1;
      memset(at, '?', length);
    }
    at += length;
  }
}
