/* Sessions in numbers. */
#include "host.h"

#include <string.h>

static struct host *host;

static int by_value(const void *a, const void *b) {
  CK_ULONG left = *(const CK_ULONG *)a, right = *(const CK_ULONG *)b;
  return (left > right) - (left < right);
}

static void a_million_sessions_never_repeat_a_handle(void) {
  enum { ROUNDS = 1000000, KEPT = 16 };
  CK_SESSION_HANDLE *seen = calloc(ROUNDS, sizeof *seen);
  CK_SLOT_ID slot = host_slot(host, "web");
  must(seen != NULL);
  CK_SESSION_HANDLE kept[KEPT] = {0};
  for (size_t i = 0; i < ROUNDS; i++) {
    must_be(CKR_OK, host->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &seen[i]));
    if (kept[i % KEPT]) must_be(CKR_OK, host->p11->C_CloseSession(kept[i % KEPT]));
    kept[i % KEPT] = seen[i];
  }
  qsort(seen, ROUNDS, sizeof *seen, by_value);
  must(seen[0] != CK_INVALID_HANDLE);
  for (size_t i = 1; i < ROUNDS; i++)
    must(seen[i - 1] != seen[i]);
  free(seen);
  must_be(CKR_OK, host->p11->C_CloseAllSessions(slot));
}

static void sixty_five_thousand_sessions_open_and_one_more_does_not(void) {
  CK_SLOT_ID slot = host_slot(host, "web");
  CK_SESSION_HANDLE last = 0;
  for (int i = 0; i < 65536; i++)
    must_be(CKR_OK, host->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &last));
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_SESSION_COUNT, host->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
  CK_TOKEN_INFO info;
  must_be(CKR_OK, host->p11->C_GetTokenInfo(slot, &info));
  must(info.ulSessionCount == 65536 && info.ulMaxSessionCount == 65536);
  host_sign_checked(host, last, host_find(host, last, CKO_PRIVATE_KEY), host->identities[0].key);
  must_be(CKR_OK, host->p11->C_CloseSession(last));
  must_be(CKR_OK, host->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
  must_be(CKR_OK, host->p11->C_CloseAllSessions(slot));
  must_be(CKR_OK, host->p11->C_GetTokenInfo(slot, &info));
  must(info.ulSessionCount == 0);
  must_be(CKR_SESSION_HANDLE_INVALID, host->p11->C_CloseSession(session));
}

/* An application that never closes its sessions does not use up those of the backing token: this one has eight. */
static void ten_thousand_open_sessions_sign_on_a_token_of_eight(void) {
  enum { SESSIONS = 10000, EVERY = 10 };
  CK_SLOT_ID slot = host_slot(host, "small");
  CK_SESSION_HANDLE session = 0;
  CK_OBJECT_HANDLE key = 0;
  CK_BYTE signature[256];
  for (int i = 0; i < SESSIONS; i++) {
    must_be(CKR_OK, host->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
    if (!key) key = host_find(host, session, CKO_PRIVATE_KEY);
    if (i % EVERY == 0) must_be(CKR_OK, host_sign(host, session, key, signature));
  }
  must_be(CKR_OK, host->p11->C_CloseAllSessions(slot));
}

static void wrong_arguments_open_nothing(void) {
  CK_SLOT_ID slot = host_slot(host, "web");
  must_be(CKR_ARGUMENTS_BAD, host->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, NULL));
  CK_SESSION_HANDLE session = 77;
  must_be(CKR_SESSION_PARALLEL_NOT_SUPPORTED, host->p11->C_OpenSession(slot, 0, NULL, NULL, &session));
  must_be(CKR_SLOT_ID_INVALID, host->p11->C_OpenSession(slot + 1, CKF_SERIAL_SESSION, NULL, NULL, &session));
  must_be(CKR_SLOT_ID_INVALID, host->p11->C_CloseAllSessions(slot + 1));
  must(session == 77);
}

static void closing_a_slot_leaves_the_others(void) {
  CK_SESSION_HANDLE web = host_open(host, 0), other = 0;
  must_be(CKR_OK, host->p11->C_OpenSession(host_slot(host, "other"), CKF_SERIAL_SESSION, NULL, NULL, &other));
  must_be(CKR_OK, host->p11->C_CloseAllSessions(host_slot(host, "web")));
  CK_SESSION_INFO info;
  must_be(CKR_SESSION_HANDLE_INVALID, host->p11->C_GetSessionInfo(web, &info));
  must_be(CKR_OK, host->p11->C_GetSessionInfo(other, &info));
  must(info.slotID == host_slot(host, "other"));
  host_sign_checked(host, other, host_find(host, other, CKO_PRIVATE_KEY), host->identities[1].key);
  must_be(CKR_OK, host->p11->C_CloseSession(other));
}

/* A key's handle is good on its own token only. */
static void handles_of_one_token_mean_nothing_on_another(void) {
  CK_SESSION_HANDLE web = host_open(host, 0), other = 0;
  must_be(CKR_OK, host->p11->C_OpenSession(host_slot(host, "other"), CKF_SERIAL_SESSION, NULL, NULL, &other));
  must_be(CKR_KEY_HANDLE_INVALID, host->p11->C_SignInit(web, &host_pss, host_find(host, other, CKO_PRIVATE_KEY)));
  must_be(CKR_OK, host->p11->C_CloseSession(web));
  must_be(CKR_OK, host->p11->C_CloseSession(other));
}

static const struct host_case cases[] = {
    {"/handles/a_million_sessions_never_repeat_a_handle", a_million_sessions_never_repeat_a_handle},
    {"/handles/sixty_five_thousand_sessions_open_and_one_more_does_not",
     sixty_five_thousand_sessions_open_and_one_more_does_not},
    {"/handles/ten_thousand_open_sessions_sign_on_a_token_of_eight",
     ten_thousand_open_sessions_sign_on_a_token_of_eight},
    {"/handles/wrong_arguments_open_nothing", wrong_arguments_open_nothing},
    {"/handles/closing_a_slot_leaves_the_others", closing_a_slot_leaves_the_others},
    {"/handles/of_one_token_mean_nothing_on_another", handles_of_one_token_mean_nothing_on_another},
};

int main(int argc, char **argv) {
  host = host_new();
  (void)host_add(host, "other");
  (void)host_add_fake(host, "small");
  atomic_store(&host_fake_token()->max_sessions, 8);
  host_configure(host);
  host_start(host);
  return host_finish(&host, argc, argv, cases, sizeof cases / sizeof cases[0]);
}
