/* Threads that are cancelled while they are in a call: the call ends first, and nothing stays locked, taken or counted.
 */
#define _DEFAULT_SOURCE /* usleep */
#include "host.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static struct host *host;

/* --- cancelled before: the first place that waits is in the call --- */

static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE key;

static void initialise(void) {
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
}

static void look_at_slots(void) {
  CK_ULONG count = 0;
  must_be(CKR_OK, host->p11->C_GetSlotList(CK_TRUE, NULL, &count));
  must(count == 2);
}

static void look_at_token(void) {
  CK_TOKEN_INFO info;
  must_be(CKR_OK, host->p11->C_GetTokenInfo(host_slot(host, "fake"), &info));
}

static void open_session(void) {
  must_be(CKR_OK, host->p11->C_OpenSession(host_slot(host, "fake"), CKF_SERIAL_SESSION, NULL, NULL, &session));
}

static void search(void) {
  key = host_find(host, session, CKO_PRIVATE_KEY);
}

static void sign(void) {
  host_sign_checked(host, session, key, host->identities[1].key);
}

static void close_session(void) {
  must_be(CKR_OK, host->p11->C_CloseSession(session));
}

static void finalise(void) {
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

static atomic_bool returned;

static void *run_cancelled(void *argument) {
  void (*const *step)(void) = argument;
  must(pthread_cancel(pthread_self()) == 0);
  (*step)();
  atomic_store(&returned, true);
  pthread_testcancel();
  return NULL;
}

static void run_in_thread(void *(*function)(void *), void *argument) {
  atomic_store(&returned, false);
  pthread_t thread;
  must(pthread_create(&thread, NULL, function, argument) == 0);
  void *result = NULL;
  must(pthread_join(thread, &result) == 0);
  must(atomic_load(&returned) && result == PTHREAD_CANCELED);
}

static void each_call_ends_first(void) {
  static void (*steps[])(void) = {initialise, look_at_slots, look_at_token, open_session,
                                  search,     sign,          close_session, finalise};
  for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
    run_in_thread(run_cancelled, &steps[i]);
}

/* --- cancelled inside the token's library --- */

static _Atomic(const char *) wanted;
static atomic_bool inside, cancelled;

static CK_RV wait_inside(const char *function) {
  const char *here = atomic_load(&wanted);
  if (here == NULL || strcmp(function, here) != 0 || atomic_exchange(&inside, true)) return CKR_OK;
  while (!atomic_load(&cancelled))
    usleep(500);
  usleep(500); /* here it would end */
  return CKR_OK;
}

static void *sign_once(void *argument) {
  (void)argument;
  search();
  sign();
  atomic_store(&returned, true);
  pthread_testcancel();
  return NULL;
}

static void cancel_inside(const char *function) {
  atomic_store(&inside, false);
  atomic_store(&cancelled, false);
  atomic_store(&returned, false);
  atomic_store(&wanted, function);
  initialise();
  open_session();
  pthread_t thread;
  must(pthread_create(&thread, NULL, sign_once, NULL) == 0);
  while (!atomic_load(&inside))
    usleep(500);
  must(pthread_cancel(thread) == 0);
  atomic_store(&cancelled, true);
  void *result = NULL;
  must(pthread_join(thread, &result) == 0);
  must(atomic_load(&returned) && result == PTHREAD_CANCELED);
  sign();
  close_session();
  finalise();
}

static void the_tokens_calls_end_first(void) {
  static const char *const functions[] = {"C_Initialize",        "C_GetSlotList", "C_GetTokenInfo",
                                          "C_OpenSession",       "C_Login",       "C_FindObjects",
                                          "C_GetAttributeValue", "C_SignInit",    "C_Sign"};
  atomic_store(&host_fake_token()->decide, wait_inside);
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
    cancel_inside(functions[i]);
  atomic_store(&host_fake_token()->decide, NULL);
}

int main(int argc, char **argv) {
  static const struct host_case cases[] = {
      {"/cancel/each_call_ends_first", each_call_ends_first},
      {"/cancel/the_tokens_calls_end_first", the_tokens_calls_end_first},
  };
  alarm(120); /* what stays locked is waited for, for ever */
  host = host_new();
  (void)host_add_fake(host, "fake");
  host_configure(host);
  host_load(host);
  int status = host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);
  host_free(&host);
  return status;
}
