/* Small texts: formatted, GUIDs, base64. Nothing here returns NULL for want of memory: the emulator stops instead. */
#ifndef AZURE_TEXT_H
#define AZURE_TEXT_H

#include <gnutls/gnutls.h>
#include <stdbool.h>
#include <stddef.h>

#define AZ_GUID_SIZE 37       /* 36 characters and the end */
#define AZ_THUMBPRINT_SIZE 44 /* base64url of a SHA-256 without padding, and the end */

void *az_new(size_t size);                    /* zeroed */
void az_check(int result, const char *doing); /* a GnuTLS call that cannot fail here: stop if it did */
char *az_text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *az_text_dup(const char *text);
char *az_text_take(gnutls_datum_t *bytes); /* a NUL-terminated copy; the bytes are freed */

void az_text_guid(char guid[AZ_GUID_SIZE]); /* a random one, lower case */
bool az_text_is_guid(const char *text);

char *az_text_base64(const void *bytes, size_t len);
char *az_text_base64url(const void *bytes, size_t len); /* no padding */
/* Strict: one line, standard alphabet, canonical padding. The caller frees bytes->data with gnutls_free. */
bool az_text_unbase64(const char *text, gnutls_datum_t *bytes);

/* What RFC 8705 calls x5t#S256. */
void az_text_thumbprint(const gnutls_datum_t *der, char thumbprint[AZ_THUMBPRINT_SIZE]);

#endif
