/* The n-th allocation, load or look-up of a whole cycle fails, for every n: nothing crashes, nothing stays behind, and
 * the next cycle works. The functions are replaced at link time (--wrap) in our own code only. */
#define _GNU_SOURCE /* the prototypes of what is wrapped */
#include "judged_token.h"
#include "tests/support/open_key.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int countdown; /* 0: nothing fails; 1: the next one does */
static unsigned fired;

static bool is_time(void) {
  if (countdown == 0 || --countdown > 0) return false;
  fired++;
  return true;
}

#define WRAP(type, name, parameters, arguments, failure)                                                               \
  type __real_##name parameters;                                                                                       \
  type __wrap_##name parameters;                                                                                       \
  type __wrap_##name parameters {                                                                                      \
    if (is_time()) {                                                                                                   \
      errno = ENOMEM;                                                                                                  \
      return failure;                                                                                                  \
    }                                                                                                                  \
    return __real_##name arguments;                                                                                    \
  }

WRAP(void *, malloc, (size_t size), (size), NULL)
WRAP(void *, calloc, (size_t count, size_t size), (count, size), NULL)
WRAP(void *, realloc, (void *old, size_t size), (old, size), NULL)
WRAP(char *, realpath, (const char *path, char *out), (path, out), NULL)
WRAP(void *, dlopen, (const char *path, int flags), (path, flags), NULL)
WRAP(void *, dlsym, (void *handle, const char *name), (handle, name), NULL)
WRAP(int, dladdr, (const void *address, Dl_info *info), (address, info), 0)
WRAP(int, pthread_mutex_init, (pthread_mutex_t * mutex, const pthread_mutexattr_t *attributes), (mutex, attributes),
     ENOMEM)
WRAP(int, pthread_atfork, (void (*a)(void), void (*b)(void), void (*c)(void)), (a, b, c), ENOMEM)

/* One life of a key, in which the n-th call fails. False: there were fewer than n. */
static bool cycle(struct token *token, const char *uri, unsigned flags, int n) {
  static const struct kg_sign_params params = {KG_PADDING_PKCS1, KG_HASH_SHA256, 0};
  static const unsigned char digest[32];
  struct kg_error error;
  kg_error_clear(&error);
  fired = 0;
  countdown = n;
  struct kg_key *key = NULL;
  enum kg_status status = open_key_of(uri, flags, &key, &error);
  unsigned char signature[KG_SIGNATURE_MAX];
  if (status == KG_OK) status = kg_key_sign(key, &params, kg_span_of(digest, 32), signature, &error);
  if (status == KG_OK) status = kg_key_verify(key, &params, kg_span_of(digest, 32), kg_span_of(signature, 256), &error);
  kg_key_close(&key);
  countdown = 0;
  if (status != KG_OK && error.text[0] == '\0') fail_msg("call %d: %s without a text", n, kg_status_name(status));
  if (status == KG_E_KEY_NOT_FOUND || status == KG_E_KEY_DEAD || status == KG_E_BUG)
    fail_msg("call %d: %s: %s", n, kg_status_name(status), error.text);
  assert_int_equal(atomic_load(&token->fake->open), 0);
  assert_int_equal(atomic_load(&token->fake->initialized), atomic_load(&token->fake->finalized));
  if (fired == 0) assert_int_equal(status, KG_OK);
  return fired > 0;
}

static void every_call_may_fail_once(void **state) {
  struct token *token = *state;
  char *uri = token_uri(token, "web");
  int n = 1;
  /* The first cycle also makes the backing, which stays for the process: later cycles have fewer calls. */
  for (; cycle(token, uri, KG_KEY_CREATE, n); n++) {
    struct kg_key *key = token_open(uri);
    token_sign(key, 1);
    kg_key_close(&key);
  }
  assert_true(n > 15);
  free(uri);
}

/* Another name of the library each time, so that each time a new backing is made. */
static void every_call_may_fail_on_a_fresh_library(void **state) {
  struct token *token = *state;
  struct kg_key *key = token_open_object(token, "web");
  kg_key_close(&key);
  int n = 1;
  bool more = true;
  for (; more; n++) {
    char library[512];
    snprintf(library, sizeof library, "%s/copy%d.so", token->softhsm->folder, n);
    char command[1200];
    snprintf(command, sizeof command, "cp '%s' '%s' && chmod 0644 '%s'", KG_FAKE_TOKEN, library, library);
    assert_int_equal(system(command), 0);
    char *uri = kg_softhsm_uri(token->softhsm, library, "t", "web");
    more = cycle(token, uri, 0, n);
    key = token_open(uri);
    token_sign(key, 1);
    kg_key_close(&key);
    free(uri);
  }
  assert_true(n > 20);
}

/* The token itself gives no answer, once: whatever is opened all the same is the key that it is otherwise. */
static atomic_int calls_left; /* 0: the one that fails; below: none does */
static CK_RV no_answer;
static char failed_call[64];

static CK_RV fail_once(const char *function) {
  if (atomic_fetch_sub(&calls_left, 1) != 0) return CKR_OK;
  snprintf(failed_call, sizeof failed_call, "%s", function);
  return no_answer;
}

static void assert_same_key(struct kg_key *key, const struct kg_key_info *before, int n) {
  const struct kg_key_info *info = kg_key_info(key);
  if (info->capabilities != before->capabilities || info->strength != before->strength || info->bits != before->bits)
    fail_msg("call %d, %s, failed with 0x%lx, and the key is another: capabilities %x, strength %d", n, failed_call,
             no_answer, info->capabilities, (int)info->strength);
}

static bool opens_the_same(struct token *token, const char *uri, const struct kg_key_info *before, int n) {
  atomic_store(&calls_left, n);
  atomic_store(&token->fake->decide, fail_once);
  struct kg_key *key = NULL;
  struct kg_error error = {0};
  enum kg_status status = open_key_of(uri, 0, &key, &error);
  atomic_store(&token->fake->decide, NULL);
  bool reached = atomic_load(&calls_left) < 0;
  if (status == KG_E_KEY_NOT_FOUND || status == KG_E_KEY_DEAD || status == KG_E_KEY_MECHANISM)
    fail_msg("call %d, %s, failed with 0x%lx, and that was taken for %s: %s", n, failed_call, no_answer,
             kg_status_name(status), error.text);
  if (status == KG_OK) {
    assert_same_key(key, before, n);
    token_sign(key, 1);
  }
  kg_key_close(&key);
  return reached;
}

static void no_answer_is_no_answer(void **state) {
  static const CK_RV codes[] = {CKR_DEVICE_ERROR, CKR_GENERAL_ERROR, CKR_HOST_MEMORY};
  struct token *token = *state;
  char *uri = token_uri(token, "web");
  struct kg_key *key = token_open_object(token, "web");
  struct kg_key_info before = *kg_key_info(key);
  for (size_t i = 0; i < COUNT(codes); i++) {
    int n = 0;
    no_answer = codes[i];
    while (opens_the_same(token, uri, &before, n))
      n++;
    assert_true(n > 20);
  }
  kg_key_close(&key);
  free(uri);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      TOKEN_CASE("/faults/no_answer_is_no_answer", no_answer_is_no_answer),
      TOKEN_CASE("/faults/every_call_may_fail_once", every_call_may_fail_once),
      TOKEN_CASE("/faults/every_call_may_fail_on_a_fresh_library", every_call_may_fail_on_a_fresh_library),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
