/* Processes that end without C_Finalize, in all the ways there are. Each case is a child that loads the module itself
 * and leaves by exit(). */
#include "host.h"

#include <pthread.h>
#include <stdlib.h>

static struct host *host;
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE key;

static void start_and_sign(void) {
  host_start(host);
  session = host_open(host, 0);
  key = host_find(host, session, CKO_PRIVATE_KEY);
  host_sign_checked(host, session, key, host->identities[0].key);
}

static void leave_without_finalize(void) {
  start_and_sign();
  must_be(CKR_OK, host->p11->C_SignInit(session, &host_pss, key)); /* in the middle of an operation */
}

static void leave_after_finalize(void) {
  start_and_sign();
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

static void *exit_here(void *argument) {
  (void)argument;
  start_and_sign();
  exit(0);
}

static void leave_from_a_thread(void) {
  pthread_t thread;
  must(pthread_create(&thread, NULL, exit_here, NULL) == 0);
  pthread_join(thread, NULL);
}

/* What pkcs11-provider does when its own end comes late. */
static void close_late(void) {
  CK_RV rv = host->p11->C_CloseSession(session);
  must(rv == CKR_OK || rv == CKR_CRYPTOKI_NOT_INITIALIZED);
  (void)host->p11->C_DestroyObject(session, key);
}

static void finalize_late(void) {
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

/* The token's library has been taken down by now: the answer is an error, and the process ends well. */
static void sign_late(void) {
  CK_BYTE signature[256];
  must_be(CKR_DEVICE_ERROR, host_sign(host, session, key, signature));
}

static void sign_in_a_handler_of_before(void) {
  atexit(sign_late);
  start_and_sign();
}

static void sign_early(void) {
  host_sign_checked(host, session, key, host->identities[0].key);
}

static void sign_in_a_handler_of_after(void) {
  start_and_sign();
  atexit(sign_early);
}

static void close_in_a_handler_of_before(void) {
  atexit(close_late);
  start_and_sign();
}

static void close_in_a_handler_of_after(void) {
  start_and_sign();
  atexit(close_late);
}

static void finalize_in_a_handler_of_before(void) {
  atexit(finalize_late);
  start_and_sign();
}

static void finalize_in_a_handler_of_after(void) {
  start_and_sign();
  atexit(finalize_late);
}

static void start_in_a_handler(void) {
  atexit(leave_without_finalize);
}

/* Runs after the handlers of the process, and of libraries that were loaded later than the program. */
static bool close_in_destructor;
__attribute__((destructor)) static void at_the_very_end(void) {
  if (close_in_destructor) close_late();
}

static void close_in_a_destructor(void) {
  close_in_destructor = true;
  start_and_sign();
}

static int leave(void *way) {
  void (*function)(void) = *(void (**)(void))way;
  function();
  exit(0);
}

#define WAY(name)                                                                                                      \
  static void test_##name(void) {                                                                                      \
    void (*function)(void) = name;                                                                                     \
    int status = host_fork(leave, &function);                                                                          \
    if (status) host_fail(#name, 0, "exit status", (unsigned long)status);                                             \
  }
WAY(leave_without_finalize)
WAY(leave_after_finalize)
WAY(leave_from_a_thread)
WAY(close_in_a_handler_of_before)
WAY(close_in_a_handler_of_after)
WAY(finalize_in_a_handler_of_before)
WAY(finalize_in_a_handler_of_after)
WAY(start_in_a_handler)
WAY(sign_in_a_handler_of_before)
WAY(sign_in_a_handler_of_after)
WAY(close_in_a_destructor)
static const struct host_case cases[] = {
    {"/exit_order/leave_without_finalize", test_leave_without_finalize},
    {"/exit_order/leave_after_finalize", test_leave_after_finalize},
    {"/exit_order/leave_from_a_thread", test_leave_from_a_thread},
    {"/exit_order/close_in_a_handler_of_before", test_close_in_a_handler_of_before},
    {"/exit_order/close_in_a_handler_of_after", test_close_in_a_handler_of_after},
    {"/exit_order/finalize_in_a_handler_of_before", test_finalize_in_a_handler_of_before},
    {"/exit_order/finalize_in_a_handler_of_after", test_finalize_in_a_handler_of_after},
    {"/exit_order/start_in_a_handler", test_start_in_a_handler},
    {"/exit_order/sign_in_a_handler_of_before", test_sign_in_a_handler_of_before},
    {"/exit_order/sign_in_a_handler_of_after", test_sign_in_a_handler_of_after},
    {"/exit_order/close_in_a_destructor", test_close_in_a_destructor},
};

int main(int argc, char **argv) {
  host = host_new();
  int status = host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);
  host_free(&host);
  return status;
}
