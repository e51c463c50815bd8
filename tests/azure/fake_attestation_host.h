/* What the stand-in for AttestationClientLib (fake_attestation_client_lib.c) asks of the machine it runs on: GnuTLS and
 * libcurl elsewhere, CNG and WinHTTP on Windows. */
#ifndef FAKE_ATTESTATION_HOST_H
#define FAKE_ATTESTATION_HOST_H

#include <keyguard/attestation.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAKE_PATH "/attest/keyguard?api-version=2023-04-01-preview" /* docs/protocol.md 5.4 */
enum { FAKE_NONCE = 16, FAKE_BYTES_MAX = 1024 };

struct fake_bytes { /* a key's SubjectPublicKeyInfo, or a signature */
  unsigned char data[FAKE_BYTES_MAX];
  size_t len;
};

struct fake_reply {
  long status;
  int32_t native_code; /* from the header x-fake-native-code; 0 if absent */
  char *body;          /* ends with NUL; free(); NULL where there was none */
  size_t len;
};

/* Says a line to the caller's log. */
enum fake_level { FAKE_ERROR, FAKE_WARNING, FAKE_INFORMATION, FAKE_DEBUG };
#if defined(__GNUC__)
__attribute__((format(printf, 4, 5)))
#endif
void fake_log(enum fake_level level, const char *function, int line, const char *format, ...);
#define FAKE_LOG(level, ...) fake_log((level), __func__, __LINE__, __VA_ARGS__)

int32_t fake_host_start(void);
void fake_host_stop(void);
/* Told of every call, whatever its arguments. */
void fake_host_record(const char *endpoint, const char *auth_token, const char *client_payload, const char *client_id);
/* What the environment orders the call to answer; false: nothing, so the service is asked. */
bool fake_host_ordered(char **token, int32_t *code);
/* NULL: the key can be attested; else what is wrong, to be said. */
const char *fake_host_bad_key(kg_attestation_key_handle key);
/* Base64 of `bytes`, to be free()d, or NULL. */
char *fake_host_base64(const void *bytes, size_t len);
void fake_host_nonce(unsigned char nonce[FAKE_NONCE]);
bool fake_host_public_key(kg_attestation_key_handle key, struct fake_bytes *info);
/* RSASSA-PSS with SHA-256 of the text. */
bool fake_host_sign(kg_attestation_key_handle key, const char *text, struct fake_bytes *signature);
int32_t fake_host_post(const char *endpoint, const char *body, struct fake_reply *reply);

#endif
