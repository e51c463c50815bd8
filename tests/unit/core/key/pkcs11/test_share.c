/* One library, several users who have never heard of each other: the host, other keys, threads, children. */
#define _DEFAULT_SOURCE /* pthread_barrier_t, alarm */
#include "judged_token.h"

#include "core/key/key.h"
#include "core/os/fork.h"
#include "tests/support/open_key.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 8
#define SIGNATURES 4 /* of each thread in a round */

/* Threads that sign between two barriers; what the test does to the library it does while they wait. */
struct crowd {
  struct kg_key *keys[2];
  pthread_barrier_t start, end;
  atomic_bool over;
  atomic_uint failures;
  char text[512]; /* of one failure */
  pthread_t threads[THREADS];
};

static void *sign_in_rounds(void *argument) {
  struct crowd *crowd = argument;
  for (;;) {
    pthread_barrier_wait(&crowd->start);
    if (atomic_load(&crowd->over)) return NULL;
    for (unsigned i = 0; i < SIGNATURES; i++) {
      struct kg_error error;
      if (token_try_sign(crowd->keys[i % 2], &error) == KG_OK) continue;
      if (atomic_fetch_add(&crowd->failures, 1) == 0) memcpy(crowd->text, error.text, sizeof crowd->text);
    }
    pthread_barrier_wait(&crowd->end);
  }
}

static void crowd_open(struct crowd *crowd, struct token *token) {
  memset(crowd, 0, sizeof *crowd);
  crowd->keys[0] = token_open_object(token, "a");
  crowd->keys[1] = token_open_object(token, "b");
  pthread_barrier_init(&crowd->start, NULL, THREADS + 1);
  pthread_barrier_init(&crowd->end, NULL, THREADS + 1);
  for (unsigned i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&crowd->threads[i], NULL, sign_in_rounds, crowd), 0);
}

static void crowd_round(struct crowd *crowd) {
  pthread_barrier_wait(&crowd->start);
  pthread_barrier_wait(&crowd->end);
  if (atomic_load(&crowd->failures) > 0) fail_msg("%u failures: %s", atomic_load(&crowd->failures), crowd->text);
}

static void crowd_close(struct crowd *crowd) {
  atomic_store(&crowd->over, true);
  pthread_barrier_wait(&crowd->start);
  for (unsigned i = 0; i < THREADS; i++)
    pthread_join(crowd->threads[i], NULL);
  pthread_barrier_destroy(&crowd->start);
  pthread_barrier_destroy(&crowd->end);
  kg_key_close(&crowd->keys[0]);
  kg_key_close(&crowd->keys[1]);
}

static CK_RV host_initialize(struct token *token) {
  CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
  return token->library->C_Initialize(&arguments);
}

static int initialized(struct token *token) {
  return atomic_load(&token->fake->initialized);
}

static int finalized(struct token *token) {
  return atomic_load(&token->fake->finalized);
}

static void what_we_initialised_we_finalise_at_the_last_close(void **state) {
  struct token *token = *state;
  struct kg_key *a = token_open_object(token, "a"), *b = token_open_object(token, "b");
  assert_int_equal(initialized(token), 1);
  kg_key_close(&a);
  assert_int_equal(finalized(token), 0);
  token_sign(b, 1);
  kg_key_close(&b);
  assert_int_equal(finalized(token), 1);
  assert_int_equal(atomic_load(&token->fake->open), 0);
  a = token_open_object(token, "a");
  token_sign(a, 1);
  kg_key_close(&a);
  assert_int_equal(initialized(token), 2);
  assert_int_equal(finalized(token), 2);
}

static void what_the_host_initialised_stays(void **state) {
  struct token *token = *state;
  assert_int_equal(host_initialize(token), CKR_OK);
  struct kg_key *key = token_open_object(token, "a");
  token_sign(key, 1);
  kg_key_close(&key);
  assert_int_equal(finalized(token), 0);
  assert_int_equal(atomic_load(&token->fake->open), 0);
  CK_INFO info;
  assert_int_equal(token->library->C_GetInfo(&info), CKR_OK);
}

/* We were first, the host finalises nevertheless: each time one thread initialises again, and nobody notices. */
static void the_host_may_finalise_what_we_initialised(void **state) {
  struct token *token = *state;
  struct crowd crowd;
  crowd_open(&crowd, token);
  assert_int_equal(host_initialize(token), CKR_CRYPTOKI_ALREADY_INITIALIZED);
  for (int round = 1; round <= 5; round++) {
    crowd_round(&crowd);
    assert_int_equal(initialized(token), round);
    assert_int_equal(token->library->C_Finalize(NULL), CKR_OK);
  }
  crowd_round(&crowd);
  crowd_close(&crowd);
  assert_int_equal(initialized(token), 6);
  assert_int_equal(finalized(token), 6); /* the last one is ours, of what we initialised last */
}

/* The host was first: what we adopted ends under us. */
static void the_host_may_finalise_what_it_initialised(void **state) {
  struct token *token = *state;
  assert_int_equal(host_initialize(token), CKR_OK);
  struct crowd crowd;
  crowd_open(&crowd, token);
  crowd_round(&crowd);
  assert_int_equal(token->library->C_Finalize(NULL), CKR_OK);
  crowd_round(&crowd);
  assert_int_equal(initialized(token), 2);
  crowd_close(&crowd);
  assert_int_equal(finalized(token), 2);
}

/* Finalised and initialised again between two of our calls: only our stale sessions tell. From then on it is the
 * host's, and is not finalised by us. */
static void the_host_may_start_the_library_anew(void **state) {
  struct token *token = *state;
  struct crowd crowd;
  crowd_open(&crowd, token);
  for (int i = 0; i < 3; i++) {
    crowd_round(&crowd);
    assert_int_equal(token->library->C_Finalize(NULL), CKR_OK);
    assert_int_equal(host_initialize(token), CKR_OK);
  }
  crowd_round(&crowd);
  assert_int_equal(initialized(token), 4);
  crowd_close(&crowd);
  assert_int_equal(finalized(token), 3);
  CK_INFO info;
  assert_int_equal(token->library->C_GetInfo(&info), CKR_OK);
}

static void the_host_may_close_all_sessions(void **state) {
  struct token *token = *state;
  struct crowd crowd;
  crowd_open(&crowd, token);
  struct application application;
  for (int i = 0; i < 3; i++) {
    crowd_round(&crowd);
    token_enter(token, "t", &application);
    assert_int_equal(application.f->C_CloseAllSessions(application.slot), CKR_OK);
  }
  crowd_round(&crowd);
  crowd_close(&crowd);
}

/* The host's key stays open while a store's key is opened for the first time after the host finalised. */
static void opening_survives_a_finalise_as_well(void **state) {
  struct token *token = *state;
  struct kg_key *a = token_open_object(token, "a");
  assert_int_equal(token->library->C_Finalize(NULL), CKR_OK);
  struct kg_key *b = token_open_object(token, "b");
  token_sign(a, 1);
  token_sign(b, 1);
  kg_key_close(&a);
  kg_key_close(&b);
  assert_int_equal(initialized(token), finalized(token));
}

static void *sign_once(void *key) {
  token_try_sign(key, &(struct kg_error){0});
  return NULL;
}

/* A server that makes a thread for each request. */
static void threads_that_come_and_go_leave_no_sessions(void **state) {
  struct token *token = *state;
  struct kg_key *key = token_open_object(token, "a");
  for (int i = 0; i < 25; i++)
    run_threads(8, sign_once, key);
  assert_true(atomic_load(&token->fake->most_open) <= 64);
  assert_true(atomic_load(&token->fake->opened) <= 70);
  kg_key_close(&key);
  assert_int_equal(atomic_load(&token->fake->open), 0);
}

static struct kg_key *hooked_key;
static const char *hooked_uri;
static atomic_uint hooked_calls, hooked_refusals;

static void come_back(void) {
  atomic_fetch_add(&hooked_calls, 1);
  assert_true(kg_key_is_inside_store());
  struct kg_key *key = NULL;
  struct kg_error error;
  if (open_key_of(hooked_uri, 0, &key, &error) == KG_E_KEY_STORE) atomic_fetch_add(&hooked_refusals, 1);
  if (hooked_key == NULL || token_try_sign(hooked_key, &error) == KG_E_KEY_STORE) atomic_fetch_add(&hooked_refusals, 1);
}

static void a_library_that_comes_back_to_us_is_refused_at_once(void **state) {
  struct token *token = *state;
  char *uri = token_uri(token, "a");
  hooked_uri = uri;
  hooked_key = NULL;
  atomic_store(&hooked_calls, 0);
  atomic_store(&hooked_refusals, 0);
  atomic_store(&token->fake->during_initialize, come_back);
  struct kg_key *key = token_open(uri);
  atomic_store(&token->fake->during_initialize, NULL);
  assert_int_equal(atomic_load(&hooked_calls), 1);
  hooked_key = key;
  atomic_store(&token->fake->during_sign, come_back);
  token_sign(key, 1);
  atomic_store(&token->fake->during_sign, NULL);
  assert_int_equal(atomic_load(&hooked_calls), 2);
  assert_int_equal(atomic_load(&hooked_refusals), 4);
  token_sign(key, 2);
  kg_key_close(&key);
  free(uri);
}

/* What happens between another thread's choice of a session and its C_SignInit: the host finalises, and we initialise
 * the library again for the other key. Sessions and objects are numbered from the beginning, so the numbers that the
 * first thread holds are valid again, and mean something else. */
static struct token *renewing;
static struct kg_key *renewed_for;

static void *sign_with_the_other(void *nothing) {
  for (unsigned i = 0; i < 3; i++)
    token_sign(renewed_for, 9);
  return nothing;
}

static void renew_once(void) {
  atomic_store(&renewing->fake->during_sign_init, NULL);
  if (renewing->library->C_Finalize(NULL) != CKR_OK) abort();
  pthread_t thread;
  if (pthread_create(&thread, NULL, sign_with_the_other, NULL) != 0) abort();
  pthread_join(thread, NULL);
}

static void handles_from_before_a_renewal_sign_nothing(void **state) {
  static const struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 32};
  static const unsigned char digest[32] = {1};
  unsigned char signature[KG_SIGNATURE_MAX];
  struct token *token = renewing = *state;
  struct kg_key *key = token_open_object(token, "a"), *other = token_open_object(token, "b");
  struct kg_error error;
  for (unsigned i = 0; i < 8; i++) {
    struct kg_key *first = i % 2 ? other : key;
    renewed_for = i % 2 ? key : other;
    token_sign(first, 1);
    atomic_store(&token->fake->during_sign_init, renew_once);
    if (kg_key_sign(first, &params, kg_span_of(digest, 32), signature, &error) != KG_OK) fail_msg("%s", error.text);
    assert_true(token_verify(kg_key_info(first), &params, kg_span_of(digest, 32), signature));
  }
  kg_key_close(&key);
  kg_key_close(&other);
}

/* --- children ------------------------------------------------------------------------------------------------- */

/* What a child of a server does: sign with the key that its parent opened, then with one of its own. 0: all went well.
 */
static int child_signs(struct token *token, struct kg_key *key, const char *uri) {
  int finalizations = finalized(token), closed = atomic_load(&token->fake->closed);
  alarm(60);
  struct kg_error error;
  for (int i = 0; i < 3; i++)
    if (token_try_sign(key, &error) != KG_OK) return 1;
  if (closed != atomic_load(&token->fake->closed) || finalizations != finalized(token)) return 2; /* the parent's */
  struct kg_key *own = NULL;
  if (open_key_of(uri, 0, &own, &error) != KG_OK || token_try_sign(own, &error) != KG_OK) return 3;
  kg_key_close(&own);
  if (token_try_sign(key, &error) != KG_OK) return 4;
  kg_key_close(&key);
  return finalized(token) - finalizations == initialized(token) - 1 ? 0 : 5;
}

static int result_of(pid_t child) {
  int status = -1;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static void a_child_signs_with_its_parents_key(void **state) {
  struct token *token = *state;
  char *uri = token_uri(token, "a");
  struct kg_key *key = token_open(uri);
  token_sign(key, 1);
  for (int i = 0; i < 3; i++) {
    pid_t child = fork();
    if (child == 0) _exit(child_signs(token, key, uri));
    assert_int_equal(result_of(child), 0);
    token_sign(key, 2);
  }
  assert_int_equal(initialized(token), 1);
  kg_key_close(&key);
  assert_int_equal(finalized(token), 1);
  free(uri);
}

static void a_grandchild_signs_as_well(void **state) {
  struct token *token = *state;
  char *uri = token_uri(token, "a");
  struct kg_key *key = token_open(uri);
  token_sign(key, 1);
  pid_t child = fork();
  struct kg_error error;
  if (child == 0) {
    if (token_try_sign(key, &error) != KG_OK) _exit(50);
    pid_t grandchild = fork();
    if (grandchild == 0) _exit(token_try_sign(key, &error) == KG_OK ? 0 : 51);
    _exit(result_of(grandchild));
  }
  assert_int_equal(result_of(child), 0);
  token_sign(key, 2);
  kg_key_close(&key);
  free(uri);
}

/* A child that only closes what it inherited touches nothing of the parent's. */
static void a_child_may_close_its_parents_key(void **state) {
  struct token *token = *state;
  struct kg_key *key = token_open_object(token, "a");
  token_sign(key, 1);
  pid_t child = fork();
  if (child == 0) {
    int closed = atomic_load(&token->fake->closed);
    kg_key_close(&key);
    _exit(closed != atomic_load(&token->fake->closed) || finalized(token) != 0);
  }
  assert_int_equal(result_of(child), 0);
  token_sign(key, 2);
  kg_key_close(&key);
}

/* All threads of the parent are between two calls of the library: a child that fails here fails for our reasons. */
static void children_sign_while_threads_wait(void **state) {
  struct token *token = *state;
  char *uri = token_uri(token, "a");
  struct crowd crowd;
  crowd_open(&crowd, token);
  for (int i = 0; i < 10; i++) {
    crowd_round(&crowd);
    pid_t child = fork();
    if (child == 0) _exit(child_signs(token, crowd.keys[i % 2], uri));
    assert_int_equal(result_of(child), 0);
  }
  crowd_round(&crowd);
  crowd_close(&crowd);
  free(uri);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      TOKEN_CASE("/share/what_we_initialised_we_finalise_at_the_last_close",
                 what_we_initialised_we_finalise_at_the_last_close),
      TOKEN_CASE("/share/what_the_host_initialised_stays", what_the_host_initialised_stays),
      TOKEN_CASE("/share/the_host_may_finalise_what_we_initialised", the_host_may_finalise_what_we_initialised),
      TOKEN_CASE("/share/the_host_may_finalise_what_it_initialised", the_host_may_finalise_what_it_initialised),
      TOKEN_CASE("/share/the_host_may_start_the_library_anew", the_host_may_start_the_library_anew),
      TOKEN_CASE("/share/the_host_may_close_all_sessions", the_host_may_close_all_sessions),
      TOKEN_CASE("/share/opening_survives_a_finalise_as_well", opening_survives_a_finalise_as_well),
      TOKEN_CASE("/share/threads_that_come_and_go_leave_no_sessions", threads_that_come_and_go_leave_no_sessions),
      TOKEN_CASE("/share/a_library_that_comes_back_to_us_is_refused_at_once",
                 a_library_that_comes_back_to_us_is_refused_at_once),
      TOKEN_CASE("/share/handles_from_before_a_renewal_sign_nothing", handles_from_before_a_renewal_sign_nothing),
      TOKEN_CASE("/share/a_child_signs_with_its_parents_key", a_child_signs_with_its_parents_key),
      TOKEN_CASE("/share/a_grandchild_signs_as_well", a_grandchild_signs_as_well),
      TOKEN_CASE("/share/a_child_may_close_its_parents_key", a_child_may_close_its_parents_key),
      TOKEN_CASE("/share/children_sign_while_threads_wait", children_sign_while_threads_wait),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
