/* The backing token is in the process already, or leads back to us, or is us. */
#include "host.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

static struct host *host;
static CK_FUNCTION_LIST *softhsm;
static atomic_bool stop;
static atomic_long signatures;

static void load_softhsm(void) {
  void *library = dlopen(host->softhsm->library, RTLD_NOW | RTLD_LOCAL);
  must(library != NULL);
  CK_C_GetFunctionList get = NULL;
  *(void **)&get = dlsym(library, "C_GetFunctionList");
  must_be(CKR_OK, get(&softhsm));
}

/* With locking: who begins a library without it has promised that one thread calls it, and we come with more. */
static void begin_directly(void) {
  CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
  must_be(CKR_OK, softhsm->C_Initialize(&args));
}

static void *sign_on_and_on(void *argument) {
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_OBJECT_HANDLE key = host_find(host, session, CKO_PRIVATE_KEY);
  (void)argument;
  while (!atomic_load(&stop)) {
    host_sign_checked(host, session, key, host->identities[0].key);
    atomic_fetch_add(&signatures, 1);
  }
  return NULL;
}

/* The host's own use of SoftHSM2 works; it is still initialised. */
static void must_work_directly(void) {
  CK_INFO info;
  must_be(CKR_OK, softhsm->C_GetInfo(&info));
  CK_ULONG count = 0;
  must_be(CKR_OK, softhsm->C_GetSlotList(CK_TRUE, NULL, &count));
  must(count >= 1);
}

static void with_signers(void (*work)(void)) {
  enum { THREADS = 8 };
  atomic_store(&stop, false);
  atomic_store(&signatures, 0);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    must(pthread_create(&threads[i], NULL, sign_on_and_on, NULL) == 0);
  work();
  atomic_store(&stop, true);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  must(atomic_load(&signatures) > 0);
}

static void use_directly(void) {
  while (atomic_load(&signatures) < 100)
    must_work_directly();
}

static void our_end_is_not_the_hosts_end(void) {
  begin_directly();
  host_start(host);
  with_signers(use_directly);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  must_work_directly();
  must_be(CKR_OK, softhsm->C_Finalize(NULL));
}

/* Somebody else ends the token under us: the next signature begins it again. */
static void the_hosts_end_is_not_ours(void) {
  begin_directly();
  host_start(host);
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_OBJECT_HANDLE key = host_find(host, session, CKO_PRIVATE_KEY);
  host_sign_checked(host, session, key, host->identities[0].key);
  for (int i = 0; i < 3; i++) {
    must_be(CKR_OK, softhsm->C_Finalize(NULL));
    host_sign_checked(host, session, key, host->identities[0].key);
  }
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

/* --- a token that leads back to us --- */

static CK_SESSION_HANDLE outer, inner;
static CK_OBJECT_HANDLE inner_key;
static atomic_int returns;

/* Runs inside the backing token's C_Sign, on the thread that signs. */
static void come_back(void) {
  CK_BYTE signature[256];
  CK_ULONG len = sizeof signature;
  if (atomic_fetch_add(&returns, 1)) return;
  must_be(CKR_CRYPTOKI_ALREADY_INITIALIZED, host->p11->C_Initialize(NULL));
  CK_ULONG count = 0;
  must_be(CKR_OK, host->p11->C_GetSlotList(CK_TRUE, NULL, &count));
  must_be(CKR_OK, host->p11->C_SignInit(inner, &host_pss, inner_key));
  must_be(CKR_FUNCTION_FAILED, host->p11->C_Sign(inner, host_digest, sizeof host_digest, signature, &len));
  must_be(CKR_FUNCTION_FAILED, host->p11->C_CloseSession(inner));
  must_be(CKR_FUNCTION_FAILED, host->p11->C_CloseAllSessions(0));
  must_be(CKR_FUNCTION_FAILED, host->p11->C_Finalize(NULL));
}

static void a_call_from_inside_the_token_is_refused(void) {
  struct fake_token *fake = host_fake_token();
  host_start(host);
  CK_SLOT_ID slot = host_slot(host, "fake");
  must_be(CKR_OK, host->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &outer));
  must_be(CKR_OK, host->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &inner));
  inner_key = host_find(host, inner, CKO_PRIVATE_KEY);
  atomic_store(&fake->during_sign, come_back);
  host_sign_checked(host, outer, inner_key, host->identities[1].key);
  must(atomic_load(&returns) > 0);
  atomic_store(&fake->during_sign, NULL);
  must_be(CKR_OK, host->p11->C_SessionCancel(inner, CKF_SIGN)); /* it was refused at the door and stays active */
  host_sign_checked(host, inner, inner_key, host->identities[1].key);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

/* A length query needs no key and touches no token. */
static void queries_cost_the_token_nothing(void) {
  struct fake_token *fake = host_fake_token();
  host_start(host);
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_OK, host->p11->C_OpenSession(host_slot(host, "fake"), CKF_SERIAL_SESSION, NULL, NULL, &session));
  int before = atomic_load(&fake->signatures);
  int calls = atomic_load(&fake->opened);
  must_be(CKR_OK, host->p11->C_SignInit(session, &host_pss, host_find(host, session, CKO_PRIVATE_KEY)));
  CK_BYTE small[255];
  CK_ULONG len = 0;
  for (int i = 0; i < 10; i++) {
    must_be(CKR_OK, host->p11->C_Sign(session, host_digest, sizeof host_digest, NULL, &len));
    len = sizeof small;
    must_be(CKR_BUFFER_TOO_SMALL, host->p11->C_Sign(session, host_digest, sizeof host_digest, small, &len));
  }
  must(atomic_load(&fake->signatures) == before && atomic_load(&fake->opened) == calls);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

static void a_key_store_that_is_ourselves_is_refused(void) {
  struct host_identity *web = &host->identities[0];
  char *uri = web->uri;
  web->uri = kg_softhsm_uri(host->softhsm, KG_MODULE_PATH, "web", "web");
  host_configure(host);
  host_start(host);
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_BYTE signature[256];
  must(host_sign(host, session, host_find(host, session, CKO_PRIVATE_KEY), signature) != CKR_OK);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  free(web->uri);
  web->uri = uri;
  host_configure(host);
}

static const struct host_case cases[] = {
    {"/shared/our_end_is_not_the_hosts_end", our_end_is_not_the_hosts_end},
    {"/shared/the_hosts_end_is_not_ours", the_hosts_end_is_not_ours},
    {"/shared/a_call_from_inside_the_token_is_refused", a_call_from_inside_the_token_is_refused},
    {"/shared/queries_cost_the_token_nothing", queries_cost_the_token_nothing},
    {"/shared/a_key_store_that_is_ourselves_is_refused", a_key_store_that_is_ourselves_is_refused},
};

int main(int argc, char **argv) {
  host = host_new();
  (void)host_add_fake(host, "fake");
  host_configure(host);
  load_softhsm();
  int status = host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);
  host_free(&host);
  return status;
}
