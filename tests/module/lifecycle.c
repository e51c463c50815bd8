/* C_Initialize and C_Finalize: arguments, order, and many at once. */
#define _GNU_SOURCE /* MAP_ANONYMOUS */
#include "host.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

static struct host *host;

static CK_RV create(void **mutex) {
  *mutex = NULL;
  return CKR_OK;
}
static CK_RV with(void *mutex) {
  (void)mutex;
  return CKR_OK;
}

#define OS CKF_OS_LOCKING_OK
#define NO_THREADS CKF_LIBRARY_CANT_CREATE_OS_THREADS
static char reserved[] = "verbose=yes";

static const struct {
  CK_C_INITIALIZE_ARGS args;
  CK_RV expected;
} arguments[] = {
    {{NULL, NULL, NULL, NULL, 0, NULL}, CKR_OK},
    {{NULL, NULL, NULL, NULL, OS, NULL}, CKR_OK},
    {{NULL, NULL, NULL, NULL, NO_THREADS, NULL}, CKR_OK},
    {{NULL, NULL, NULL, NULL, OS | NO_THREADS, NULL}, CKR_OK}, /* GnuTLS */
    {{create, with, with, with, OS, NULL}, CKR_OK},
    {{create, with, with, with, OS | NO_THREADS, NULL}, CKR_OK},
    {{create, with, with, with, 0, NULL}, CKR_CANT_LOCK},
    {{create, with, with, with, NO_THREADS, NULL}, CKR_CANT_LOCK},
    {{create, NULL, NULL, NULL, OS, NULL}, CKR_ARGUMENTS_BAD},
    {{NULL, with, NULL, NULL, OS, NULL}, CKR_ARGUMENTS_BAD},
    {{NULL, NULL, with, NULL, OS, NULL}, CKR_ARGUMENTS_BAD},
    {{NULL, NULL, NULL, with, OS, NULL}, CKR_ARGUMENTS_BAD},
    {{create, with, with, NULL, OS, NULL}, CKR_ARGUMENTS_BAD},
    {{NULL, with, with, with, 0, NULL}, CKR_ARGUMENTS_BAD},
    {{NULL, NULL, NULL, NULL, OS, reserved}, CKR_ARGUMENTS_BAD},
    {{create, with, with, with, OS, reserved}, CKR_ARGUMENTS_BAD},
};

/* The structure is gone as soon as the call has returned, as on a caller's stack. */
static void arguments_are_judged_and_not_kept(void) {
  for (size_t i = 0; i < sizeof arguments / sizeof arguments[0]; i++) {
    CK_C_INITIALIZE_ARGS *args = mmap(NULL, sizeof *args, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(args != MAP_FAILED);
    *args = arguments[i].args;
    must_be(arguments[i].expected, host->p11->C_Initialize(args));
    must(memcmp(args, &arguments[i].args, sizeof *args) == 0);
    munmap(args, sizeof *args);
    CK_INFO info;
    must_be(arguments[i].expected == CKR_OK ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED, host->p11->C_GetInfo(&info));
    must_be(arguments[i].expected == CKR_OK ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED, host->p11->C_Finalize(NULL));
  }
}

static void null_arguments_are_allowed(void) {
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

static void second_initialize_and_second_finalize_are_told(void) {
  must_be(CKR_CRYPTOKI_NOT_INITIALIZED, host->p11->C_Finalize(NULL));
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  must_be(CKR_CRYPTOKI_ALREADY_INITIALIZED, host->p11->C_Initialize(NULL));
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  must_be(CKR_CRYPTOKI_NOT_INITIALIZED, host->p11->C_Finalize(NULL));
}

static void finalize_wants_no_argument(void) {
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  int something = 0;
  must_be(CKR_ARGUMENTS_BAD, host->p11->C_Finalize(&something));
  (void)host_slot(host, "web"); /* it goes on */
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

static void handles_of_before_are_unknown_after(void) {
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  CK_SESSION_HANDLE old = host_open(host, 0);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = host_open(host, 0);
  must(session != old);
  CK_SESSION_INFO info;
  must_be(CKR_SESSION_HANDLE_INVALID, host->p11->C_GetSessionInfo(old, &info));
  must_be(CKR_OK, host->p11->C_GetSessionInfo(session, &info));
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

enum { THREADS = 32, ROUNDS = 500 };
static pthread_barrier_t barrier;
static atomic_int winners;

static void *initialize_at_once(void *argument) {
  for (int round = 0; round < ROUNDS; round++) {
    pthread_barrier_wait(&barrier);
    CK_RV rv = host->p11->C_Initialize(NULL);
    must(rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED);
    if (rv == CKR_OK) atomic_fetch_add(&winners, 1);
    CK_INFO info;
    must_be(CKR_OK, host->p11->C_GetInfo(&info)); /* whoever was told so finds it whole */
    pthread_barrier_wait(&barrier);
    if (argument == NULL) continue;
    must(atomic_exchange(&winners, 0) == 1);
    must_be(CKR_OK, host->p11->C_Finalize(NULL));
  }
  return NULL;
}

static void of_many_at_once_one_initialises(void) {
  pthread_barrier_init(&barrier, NULL, THREADS);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    must(pthread_create(&threads[i], NULL, initialize_at_once, i == 0 ? &barrier : NULL) == 0);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  pthread_barrier_destroy(&barrier);
}

static const struct host_case cases[] = {
    {"/lifecycle/arguments_are_judged_and_not_kept", arguments_are_judged_and_not_kept},
    {"/lifecycle/null_arguments_are_allowed", null_arguments_are_allowed},
    {"/lifecycle/second_initialize_and_second_finalize_are_told", second_initialize_and_second_finalize_are_told},
    {"/lifecycle/finalize_wants_no_argument", finalize_wants_no_argument},
    {"/lifecycle/handles_of_before_are_unknown_after", handles_of_before_are_unknown_after},
    {"/lifecycle/of_many_at_once_one_initialises", of_many_at_once_one_initialises},
};

int main(int argc, char **argv) {
  host = host_new();
  host_load(host);
  int status = host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);
  host_free(&host);
  return status;
}
