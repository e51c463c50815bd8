#include "text.h"

#include <ctype.h>
#include <gnutls/crypto.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *checked(void *memory) {
  if (memory == NULL) {
    fputs("azure-emulator: out of memory\n", stderr);
    abort();
  }
  return memory;
}

void *az_new(size_t size) {
  return checked(calloc(1, size));
}

void az_check(int result, const char *doing) {
  if (result >= 0) return;
  fprintf(stderr, "azure-emulator: %s: %s\n", doing, gnutls_strerror(result));
  abort();
}

char *az_text_format(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  va_list again;
  va_copy(again, arguments);
  int len = vsnprintf(NULL, 0, format, arguments);
  char *text = az_new((size_t)len + 1);
  vsnprintf(text, (size_t)len + 1, format, again);
  va_end(again);
  va_end(arguments);
  return text;
}

char *az_text_dup(const char *text) {
  return checked(strdup(text));
}

char *az_text_take(gnutls_datum_t *bytes) {
  char *text = az_new((size_t)bytes->size + 1);
  memcpy(text, bytes->data, bytes->size);
  gnutls_free(bytes->data);
  *bytes = (gnutls_datum_t){NULL, 0};
  return text;
}

void az_text_guid(char guid[AZ_GUID_SIZE]) {
  unsigned char b[16] = {0};
  az_check(gnutls_rnd(GNUTLS_RND_NONCE, b, sizeof b), "random bytes");
  b[6] = (unsigned char)((b[6] & 0x0f) | 0x40); /* RFC 4122: version 4, variant 1 */
  b[8] = (unsigned char)((b[8] & 0x3f) | 0x80);
  snprintf(guid, AZ_GUID_SIZE, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
           b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

bool az_text_is_guid(const char *text) {
  if (strlen(text) != AZ_GUID_SIZE - 1) return false;
  for (size_t i = 0; i < AZ_GUID_SIZE - 1; i++) {
    bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i])) return false;
  }
  return true;
}

char *az_text_base64(const void *bytes, size_t len) {
  gnutls_datum_t in = {NULL, (unsigned)len};
  in.data = (unsigned char *)(uintptr_t)bytes; /* GnuTLS's datum has no const form; it only reads */
  gnutls_datum_t out = {NULL, 0};
  az_check(gnutls_base64_encode2(&in, &out), "base64");
  return az_text_take(&out);
}

char *az_text_base64url(const void *bytes, size_t len) {
  char *text = az_text_base64(bytes, len);
  text[strcspn(text, "=")] = '\0';
  for (char *p = text; *p; p++)
    *p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
  return text;
}

bool az_text_unbase64(const char *text, gnutls_datum_t *bytes) {
  static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
  *bytes = (gnutls_datum_t){NULL, 0};
  size_t len = strlen(text);
  if (len == 0 || len % 4 != 0 || strspn(text, alphabet) != len) return false;
  gnutls_datum_t in = {(unsigned char *)(uintptr_t)text, (unsigned)len};
  if (gnutls_base64_decode2(&in, bytes) != 0) return false;
  char *again = az_text_base64(bytes->data, bytes->size);
  bool same = strcmp(again, text) == 0;
  free(again);
  if (!same) {
    gnutls_free(bytes->data);
    *bytes = (gnutls_datum_t){NULL, 0};
  }
  return same;
}

void az_text_thumbprint(const gnutls_datum_t *der, char thumbprint[AZ_THUMBPRINT_SIZE]) {
  unsigned char digest[32];
  az_check(gnutls_hash_fast(GNUTLS_DIG_SHA256, der->data, der->size, digest), "SHA-256");
  char *text = az_text_base64url(digest, sizeof digest);
  snprintf(thumbprint, AZ_THUMBPRINT_SIZE, "%s", text);
  free(text);
}
