#include "wire/redact.h"

#include <stdbool.h>
#include <string.h>

#define JWT_START "eyJ" /* base64url of {" */
#define JWT_LEN_MIN 16
#define ENCODED_LEN_MIN 60

static const char word_characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=%_-.";

struct out {
  char *text;
  size_t size, len;
  bool cut;
};

static void put(struct out *out, const char *text, size_t len) {
  size_t room = out->size - 1 - out->len;
  if (len > room) {
    out->cut = true;
    len = room;
  }
  memcpy(out->text + out->len, text, len);
  out->len += len;
}

static bool has_any(const char *word, size_t len, const char *set) {
  for (size_t i = 0; i < len; i++)
    if (strchr(set, word[i]) != NULL) return true;
  return false;
}

/* All of base64's alphabet, or all of base64url's and dots: a path, URL or resource id mixes the two. Padding and a
 * sentence's end do not count. */
static bool is_encoded(const char *word, size_t len) {
  while (len && strchr("=.", word[len - 1]) != NULL)
    len--;
  return len >= ENCODED_LEN_MIN && (!has_any(word, len, "-_.") || !has_any(word, len, "+/=%"));
}

static size_t find_jwt(const char *word, size_t len) {
  for (size_t i = 0; i + JWT_LEN_MIN <= len; i++)
    if (memcmp(word + i, JWT_START, sizeof JWT_START - 1) == 0) return i;
  return len;
}

static void put_word(struct out *out, const char *word, size_t len) {
  size_t plain = is_encoded(word, len) ? 0 : find_jwt(word, len);
  put(out, word, plain);
  if (plain < len) put(out, "[redacted]", 10);
}

void kg_redact(const char *text, char *out, size_t size) {
  struct out to = {out, size, 0, false};
  size_t len;
  for (; *text && !to.cut; text += len) {
    unsigned char c = (unsigned char)*text;
    len = strspn(text, word_characters);
    if (len) {
      put_word(&to, text, len);
      continue;
    }
    len = 1;
    put(&to, c < 0x20 || c == 0x7f ? " " : c > 0x7f ? "?" : text, 1);
  }
  if (to.cut) memcpy(out + size - 4, "...", 3);
  out[to.len] = '\0';
}
