/* C_Initialize and C_Finalize while others call: nothing but the two codes that mean it. */
#include "host.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

static struct host *host;
static atomic_bool stop;
static atomic_long signatures, refusals;
static CK_SLOT_ID slot;

/* Not initialised, or of an earlier initialisation: what a call may answer whose module went away. */
static bool is_gone(CK_RV rv) {
  return rv == CKR_CRYPTOKI_NOT_INITIALIZED || rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_KEY_HANDLE_INVALID;
}

static CK_RV sign_once_through(void) {
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE template = {CKA_CLASS, &class, sizeof class};
  CK_SESSION_HANDLE session = 0;
  CK_RV rv = host->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
  if (rv == CKR_OK) rv = host->p11->C_FindObjectsInit(session, &template, 1);
  CK_ULONG count = 0;
  CK_OBJECT_HANDLE key = 0;
  if (rv == CKR_OK) rv = host->p11->C_FindObjects(session, &key, 1, &count);
  if (rv == CKR_OK) rv = host->p11->C_FindObjectsFinal(session);
  CK_BYTE signature[256];
  if (rv == CKR_OK) rv = host_sign(host, session, key, signature);
  return rv;
}

/* Not in a tight loop, which would keep the two that matter from running. */
static void refused(void) {
  atomic_fetch_add(&refusals, 1);
  const struct timespec moment = {0, 50000};
  nanosleep(&moment, NULL);
}

static void *call_on_and_on(void *argument) {
  (void)argument;
  while (!atomic_load(&stop)) {
    CK_RV rv = sign_once_through();
    if (rv == CKR_OK)
      atomic_fetch_add(&signatures, 1);
    else if (is_gone(rv))
      refused();
    else
      host_fail(__FILE__, __LINE__, "another code", (unsigned long)rv);
  }
  return NULL;
}

static void with_callers(void (*work)(void)) {
  enum { THREADS = 8 };
  atomic_store(&stop, false);
  atomic_store(&signatures, 0);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    must(pthread_create(&threads[i], NULL, call_on_and_on, NULL) == 0);
  work();
  atomic_store(&stop, true);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  must(atomic_load(&refusals) > 0);
}

static int rounds;

static void cycle(void) {
  for (int i = 0; i < rounds || atomic_load(&signatures) < 20; i++) {
    must_be(CKR_OK, host->p11->C_Initialize(NULL));
    for (int n = 0; n < i % 20; n++)
      sched_yield();
    must_be(CKR_OK, host->p11->C_Finalize(NULL));
  }
  must(atomic_load(&signatures) > 0);
}

static void use(const char *identity) {
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  slot = host_slot(host, identity);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

static void finalize_waits_for_running_calls(void) {
  use("forkable"); /* a token that is quickly opened, for many rounds */
  rounds = 1000;
  with_callers(cycle);
}

/* Each round initialises SoftHSM2, logs in and ends it again. */
static void finalize_waits_for_a_real_token(void) {
  use("web");
  rounds = 50;
  with_callers(cycle);
}

static void *cycle_too(void *argument) {
  for (int i = 0; i < 300; i++) {
    CK_RV rv = host->p11->C_Initialize(NULL);
    must(rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED);
    rv = host->p11->C_Finalize(argument);
    must(rv == CKR_OK || rv == CKR_CRYPTOKI_NOT_INITIALIZED);
  }
  return NULL;
}

/* Two finalisations at once do not wait for each other. */
static void cycle_by_many(void) {
  enum { THREADS = 4 };
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    must(pthread_create(&threads[i], NULL, cycle_too, NULL) == 0);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
}

static void several_owners_cycle_at_once(void) {
  use("forkable");
  with_callers(cycle_by_many);
}

static const struct host_case cases[] = {
    {"/race/finalize_waits_for_running_calls", finalize_waits_for_running_calls},
    {"/race/finalize_waits_for_a_real_token", finalize_waits_for_a_real_token},
    {"/race/several_owners_cycle_at_once", several_owners_cycle_at_once},
};

int main(int argc, char **argv) {
  host = host_new();
  (void)host_add_forkable(host, "forkable");
  host_configure(host);
  host_load(host);
  int status = host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);
  host_free(&host);
  return status;
}
