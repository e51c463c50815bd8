/* What a test tells the substitute attestation library to do, and what it saw. Its one extra symbol, fake_attestation,
 * is this struct. */
#ifndef FAKE_ATTESTATION_H
#define FAKE_ATTESTATION_H

#include <stdint.h>

struct fake_log_line {
  int level;
  const char *tag, *message;
};

struct fake_attestation {
  int32_t init_code, code;
  const char *token;             /* NULL: none is handed out */
  struct fake_log_line log[300]; /* said during the call; `message` NULL ends it unless log_count is set */
  unsigned log_count;
  int log_from_a_thread;

  unsigned inits, calls, frees, uninits;
  int freed_something_else; /* a pointer that was not handed out, or a second time */
  char endpoint[256], payload[64], client_id[64];
  int auth_token_was_null;
  int key_signs, signature_len, public_key_info_len, key_size;
};

#endif
