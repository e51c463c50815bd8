/* A host that forks while its threads sign: the child is told that it is not initialised, initialises, and signs; the
 * parent does not notice. */
#include "host.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static struct host *host;
static atomic_bool stop;
static atomic_long signatures;
static pthread_barrier_t started;

enum { THREADS = 8 };

static CK_SESSION_HANDLE open_on(const char *identity) {
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_OK, host->p11->C_OpenSession(host_slot(host, identity), CKF_SERIAL_SESSION, NULL, NULL, &session));
  return session;
}

/* By the token without locks: what must not be inherited is ours alone. */
static void sign_forkable(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
  CK_BYTE signature[256];
  must_be(CKR_OK, host_sign(host, session, key, signature));
  int process = 0;
  memcpy(&process, signature + 256 - sizeof process, sizeof process);
  must(process == getpid() && memcmp(signature, host_digest, sizeof host_digest) == 0);
}

static void sign_real(CK_SESSION_HANDLE session) {
  host_sign_checked(host, session, host_find(host, session, CKO_PRIVATE_KEY), host->identities[0].key);
}

/* A sanitizer's allocator cannot be forked away from, so all that allocates is done before the first fork: searching,
 * and the first signature. */
static void *sign_on_and_on(void *argument) {
  CK_SESSION_HANDLE session = open_on("forkable");
  CK_OBJECT_HANDLE key = host_find(host, session, CKO_PRIVATE_KEY);
  (void)argument;
  sign_forkable(session, key);
  pthread_barrier_wait(&started);
  while (!atomic_load(&stop)) {
    sign_forkable(session, key);
    atomic_fetch_add(&signatures, 1);
  }
  must_be(CKR_OK, host->p11->C_CloseSession(session));
  return NULL;
}

static void must_know_nothing(CK_SESSION_HANDLE inherited) {
  struct host_entry entries[HOST_ENTRIES];
  host_entries(host->p11, entries);
  for (size_t i = 0; i < HOST_ENTRIES; i++)
    if (host_needs_initialize(entries[i].name))
      must_be(CKR_CRYPTOKI_NOT_INITIALIZED, entries[i].call(inherited, 0, 0, 0, 0, 0, 0, 0, 0, 0));
}

/* nginx's workers give no arguments. */
static void start_anew(CK_SESSION_HANDLE inherited) {
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = open_on("forkable");
  must(session != inherited);
  CK_SESSION_INFO info;
  must_be(CKR_SESSION_HANDLE_INVALID, host->p11->C_GetSessionInfo(inherited, &info));
  sign_forkable(session, host_find(host, session, CKO_PRIVATE_KEY));
  sign_real(open_on("web"));
}

static int child(void *argument) {
  CK_SESSION_HANDLE inherited = *(CK_SESSION_HANDLE *)argument;
  must_know_nothing(inherited);
  start_anew(inherited);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  must_be(CKR_CRYPTOKI_NOT_INITIALIZED, host->p11->C_Finalize(NULL));
  return 0;
}

static void children_start_anew_while_the_parent_signs(void) {
  int forks = getenv("KG_FORKS") != NULL ? atoi(getenv("KG_FORKS")) : 200;
  CK_SESSION_HANDLE session = open_on("forkable");
  atomic_store(&stop, false);
  pthread_barrier_init(&started, NULL, THREADS + 1);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    must(pthread_create(&threads[i], NULL, sign_on_and_on, NULL) == 0);
  pthread_barrier_wait(&started);
  long before = 0;
  for (int i = 0; i < forks; i++) {
    int status = host_fork(child, &session);
    if (status) host_fail("child", i, "exit status", (unsigned long)status);
    must(i % 50 || atomic_load(&signatures) >= before);
    before = atomic_load(&signatures);
  }
  atomic_store(&stop, true);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  must(atomic_load(&signatures) > 0);
  must_be(CKR_OK, host->p11->C_CloseSession(session));
}

/* A child of a child, and one whose parent was never initialised in it. */
static int grandparent(void *argument) {
  CK_SESSION_HANDLE session = *(CK_SESSION_HANDLE *)argument;
  must(host_fork(child, &session) == 0);
  start_anew(session);
  session = open_on("web");
  must(host_fork(child, &session) == 0);
  sign_real(session);
  return 0;
}

static void generations_of_children_start_anew(void) {
  CK_SESSION_HANDLE session = open_on("web");
  must(host_fork(grandparent, &session) == 0);
  sign_real(session);
  must_be(CKR_OK, host->p11->C_CloseSession(session));
}

static int only_exit(void *argument) {
  (void)argument;
  return 0;
}

static int exit_with_handlers(void *argument) {
  (void)argument;
  exit(0);
}

static void children_may_do_nothing_at_all(void) {
  CK_SESSION_HANDLE session = open_on("web");
  sign_real(session);
  for (int i = 0; i < 20; i++) {
    must(host_fork(only_exit, NULL) == 0);
    must(host_fork(exit_with_handlers, NULL) == 0);
  }
  sign_real(session);
  must_be(CKR_OK, host->p11->C_CloseSession(session));
}

static const struct host_case cases[] = {
    {"/fork/generations_of_children_start_anew", generations_of_children_start_anew},
    {"/fork/children_may_do_nothing_at_all", children_may_do_nothing_at_all},
    {"/fork/children_start_anew_while_the_parent_signs", children_start_anew_while_the_parent_signs},
};

int main(int argc, char **argv) {
  host = host_new();
  (void)host_add_forkable(host, "forkable");
  host_configure(host);
  host_start(host);
  return host_finish(&host, argc, argv, cases, sizeof cases / sizeof cases[0]);
}
