/* A substitute for the attestation library, obeying its interface and a test's orders. With FAKE_INCOMPLETE one of the
 * four functions is missing. */
#include "fake_attestation.h"

#include "keyguard/attestation.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT int32_t InitAttestationLib(struct kg_attestation_log_info *log);
EXPORT int32_t AttestKeyGuardImportKey(const char *endpoint, const char *auth_token, const char *client_payload,
                                       kg_attestation_key_handle key, char **token, const char *client_id);
EXPORT void FreeAttestationToken(char *token);
EXPORT void UninitAttestationLib(void);
EXPORT extern struct fake_attestation fake_attestation;

struct fake_attestation fake_attestation;

static struct kg_attestation_log_info *log_info;
static char *handed_out;

int32_t InitAttestationLib(struct kg_attestation_log_info *log) {
  fake_attestation.inits++;
  if (log == NULL || log->log == NULL) return KG_ATTESTATION_INVALID_INPUT;
  log_info = log;
  return fake_attestation.init_code;
}

static void *say(void *unused) {
  for (unsigned i = 0; i < fake_attestation.log_count; i++) {
    const struct fake_log_line *line = &fake_attestation.log[i % 300];
    log_info->log(log_info->context, line->tag, line->level, "function", 7, line->message);
  }
  return unused;
}

static void speak(void) {
  pthread_t thread;
  if (!fake_attestation.log_from_a_thread) {
    say(NULL);
  } else if (pthread_create(&thread, NULL, say, NULL) == 0) {
    pthread_join(thread, NULL);
  }
}

static void copy(char *to, size_t size, const char *from) {
  snprintf(to, size, "%s", from != NULL ? from : "(null)");
}

static void try_key(kg_attestation_key_handle handle) {
  struct kg_attestation_key *key = (struct kg_attestation_key *)handle;
  fake_attestation.key_size = (int)key->size;
  fake_attestation.signature_len = (int)key->signature_len;
  fake_attestation.public_key_info_len = (int)key->public_key_info_len;
  unsigned char digest[32] = {1}, signature[512] = {0};
  fake_attestation.key_signs = key->sign_pss_sha256(key->context, digest, signature) == 0;
}

int32_t AttestKeyGuardImportKey(const char *endpoint, const char *auth_token, const char *client_payload,
                                kg_attestation_key_handle key, char **token, const char *client_id) {
  fake_attestation.calls++;
  copy(fake_attestation.endpoint, sizeof fake_attestation.endpoint, endpoint);
  copy(fake_attestation.payload, sizeof fake_attestation.payload, client_payload);
  copy(fake_attestation.client_id, sizeof fake_attestation.client_id, client_id);
  fake_attestation.auth_token_was_null = auth_token == NULL;
  try_key(key);
  speak();
  if (fake_attestation.token != NULL) *token = handed_out = strdup(fake_attestation.token);
  return fake_attestation.code;
}

#ifndef FAKE_INCOMPLETE
void FreeAttestationToken(char *token) {
  fake_attestation.frees++;
  if (token == NULL || token != handed_out) {
    fake_attestation.freed_something_else = 1;
    return;
  }
  free(token);
  handed_out = NULL;
}
#endif

void UninitAttestationLib(void) {
  fake_attestation.uninits++;
}
