/* Tokens with few sessions, and one that takes a single call at a time. */
#include "judged_token.h"

#include "core/base/clock.h"
#include "core/key/key.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct load {
  struct kg_key *keys[3];
  unsigned count, signatures; /* keys in use; signatures of each thread */
  atomic_uint next, failures;
  char text[512];
};

static void *sign_some(void *argument) {
  struct load *load = argument;
  unsigned thread = atomic_fetch_add(&load->next, 1);
  for (unsigned i = 0; i < load->signatures; i++) {
    struct kg_error error;
    if (token_try_sign(load->keys[(thread + i) % load->count], &error) == KG_OK) continue;
    if (atomic_fetch_add(&load->failures, 1) == 0) memcpy(load->text, error.text, sizeof load->text);
  }
  return NULL;
}

/* `signatures` of each of 16 threads with `count` keys, all successful. `canned`: what the token signs is not of
 * interest here, how many sessions it takes is. */
static void run_with(struct token *token, unsigned count, unsigned signatures, bool canned) {
  static const char *const names[] = {"a", "b", "c"};
  struct load load = {.count = count, .signatures = signatures};
  for (unsigned i = 0; i < count; i++)
    load.keys[i] = token_open_object(token, names[i]);
  atomic_store(&token->fake->signatures, 0);
  atomic_store(&token->fake->canned, canned);
  run_threads(16, sign_some, &load);
  if (load.failures > 0) fail_msg("%u failures: %s", load.failures, load.text);
  assert_int_equal(atomic_load(&token->fake->signatures), 16 * signatures);
  for (unsigned i = 0; i < count; i++)
    kg_key_close(&load.keys[i]);
  assert_int_equal(atomic_load(&token->fake->open), 0);
  atomic_store(&token->fake->canned, false);
}

static void run(struct token *token, unsigned count, unsigned signatures) {
  run_with(token, count, signatures, false);
}

/* What 10 000 application sessions are to a token: 10 000 signatures from many threads. */
static void ten_thousand_signatures_fit_into_eight_sessions(void **state) {
  struct token *token = *state;
  atomic_store(&token->fake->max_sessions, 8);
  run_with(token, 1, 10000 / 16, true);
  assert_int_equal(atomic_load(&token->fake->most_open), 8);
}

static void three_keys_share_two_sessions(void **state) {
  struct token *token = *state;
  atomic_store(&token->fake->max_sessions, 2);
  run(token, 3, 20);
  assert_true(atomic_load(&token->fake->most_open) <= 2);
}

static void one_session_is_enough(void **state) {
  struct token *token = *state;
  atomic_store(&token->fake->max_sessions, 1);
  run(token, 2, 10);
  assert_int_equal(atomic_load(&token->fake->most_open), 1);
}

static void every_way_to_refuse_a_session_is_understood(void **state) {
  static const CK_RV codes[] = {CKR_SESSION_COUNT, CKR_DEVICE_MEMORY, CKR_HOST_MEMORY, CKR_TOKEN_RESOURCE_EXCEEDED};
  struct token *token = *state;
  atomic_store(&token->fake->max_sessions, 3);
  for (size_t i = 0; i < COUNT(codes); i++) {
    atomic_store(&token->fake->refuse_with, codes[i]);
    run(token, 1, 10);
  }
}

/* Another program holds all sessions: wait, and go on when it is done. */
static void *free_sessions_later(void *argument) {
  struct token *token = argument;
  const struct kg_clock *clock = kg_clock_system();
  clock->sleep_ms(clock->context, 300);
  atomic_store(&token->fake->max_sessions, 0);
  return NULL;
}

static void a_session_that_comes_free_is_taken(void **state) {
  struct token *token = *state;

  struct kg_key *key = token_open_object(token, "a");
  kg_key_close(&key);
  atomic_store(&token->fake->max_sessions, -1);
  pthread_t other;
  assert_int_equal(pthread_create(&other, NULL, free_sessions_later, token), 0);
  key = token_open_object(token, "a");
  token_sign(key, 1);
  pthread_join(other, NULL);
  kg_key_close(&key);
}

/* The one test that waits for a bound: ten seconds. */
static void no_session_at_all_is_busy_not_dead(void **state) {
  struct token *token = *state;
  char *uri = token_uri(token, "a");
  atomic_store(&token->fake->max_sessions, -1);
  struct kg_error error;
  assert_int_equal(token_try(uri, 0, &error), KG_E_KEY_BUSY);
  assert_non_null(strstr(error.text, "10 seconds"));
  atomic_store(&token->fake->max_sessions, 0);
  assert_int_equal(token_try(uri, KG_KEY_CREATE, &error), KG_OK);
  free(uri);
}

/* tpm2-pkcs11 1.9.0 gives two threads in C_OpenSession the same session: no two threads may be in it at all. */
static void a_tpm_sees_one_thread_at_a_time(void **state) {
  struct token *token = *state;
  run(token, 2, 5);
  atomic_store(&token->fake->most_inside, 0);
  run(token, 2, 5);
  assert_true(atomic_load(&token->fake->most_inside) > 1); /* the measure works: others see more */
  atomic_store(&token->fake->description, "TPM2.0 Cryptoki");
  atomic_store(&token->fake->most_inside, 0);
  atomic_store(&token->fake->most_open, 0);
  run(token, 3, 40);
  assert_int_equal(atomic_load(&token->fake->most_inside), 1);
  assert_int_equal(atomic_load(&token->fake->most_open), 1);
}

static void a_tpm_has_one_salt_length(void **state) {
  struct token *token = *state;
  atomic_store(&token->fake->description, "TPM2.0 Cryptoki");
  struct kg_key *key = token_open_object(token, "a");
  assert_int_equal(kg_key_info(key)->capabilities,
                   KG_CAN_SIGN_PKCS1 | KG_CAN_SIGN_PSS | KG_CAN_VERIFY | KG_CAN_PKCS1_ANY_INPUT);
  token_sign(key, 1);
  kg_key_close(&key);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      TOKEN_CASE("/limit/ten_thousand_signatures_fit_into_eight_sessions",
                 ten_thousand_signatures_fit_into_eight_sessions),
      TOKEN_CASE("/limit/three_keys_share_two_sessions", three_keys_share_two_sessions),
      TOKEN_CASE("/limit/one_session_is_enough", one_session_is_enough),
      TOKEN_CASE("/limit/every_way_to_refuse_a_session_is_understood", every_way_to_refuse_a_session_is_understood),
      TOKEN_CASE("/limit/a_session_that_comes_free_is_taken", a_session_that_comes_free_is_taken),
      TOKEN_CASE("/limit/no_session_at_all_is_busy_not_dead", no_session_at_all_is_busy_not_dead),
      TOKEN_CASE("/limit/a_tpm_sees_one_thread_at_a_time", a_tpm_sees_one_thread_at_a_time),
      TOKEN_CASE("/limit/a_tpm_has_one_salt_length", a_tpm_has_one_salt_length),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
