/* Login in all orders, on two sessions: a property of the application and the token. */
#include "host.h"

#include <string.h>

static struct host *host;

enum { LOGIN_A, LOGIN_B, LOGOUT_A, LOGOUT_B, CLOSE_A, CLOSE_B, ACTIONS };

struct model {
  bool open[2], logged_in;
};

static CK_RV predict(struct model *model, int action) {
  int which = action % 2;
  if (!model->open[which]) return CKR_SESSION_HANDLE_INVALID;
  switch (action - which) {
  case LOGIN_A:
    if (model->logged_in) return CKR_USER_ALREADY_LOGGED_IN;
    model->logged_in = true;
    return CKR_OK;
  case LOGOUT_A:
    if (!model->logged_in) return CKR_USER_NOT_LOGGED_IN;
    model->logged_in = false;
    return CKR_OK;
  default:
    model->open[which] = false;
    if (!model->open[0] && !model->open[1]) model->logged_in = false;
    return CKR_OK;
  }
}

static CK_RV act(const CK_SESSION_HANDLE sessions[2], int action) {
  CK_SESSION_HANDLE session = sessions[action % 2];
  CK_UTF8CHAR pin[] = "anything";
  switch (action - action % 2) {
  case LOGIN_A:
    return host->p11->C_Login(session, CKU_USER, pin, 8);
  case LOGOUT_A:
    return host->p11->C_Logout(session);
  default:
    return host->p11->C_CloseSession(session);
  }
}

/* Session A is read-only, B read-write. */
static void must_show(const CK_SESSION_HANDLE sessions[2], const struct model *model) {
  static const CK_STATE states[2][2] = {{CKS_RO_PUBLIC_SESSION, CKS_RO_USER_FUNCTIONS},
                                        {CKS_RW_PUBLIC_SESSION, CKS_RW_USER_FUNCTIONS}};
  for (int i = 0; i < 2; i++) {
    if (!model->open[i]) continue;
    CK_SESSION_INFO info;
    must_be(CKR_OK, host->p11->C_GetSessionInfo(sessions[i], &info));
    must(info.state == states[i][model->logged_in]);
    must(((info.flags & CKF_RW_SESSION) != 0) == (i == 1));
  }
}

static void run_sequence(const int *actions, int count) {
  CK_SESSION_HANDLE sessions[2] = {host_open(host, 0), host_open(host, CKF_RW_SESSION)};
  struct model model = {{true, true}, false};
  for (int i = 0; i < count; i++) {
    CK_RV expected = predict(&model, actions[i]);
    must_be(expected, act(sessions, actions[i]));
    must_show(sessions, &model);
  }
  must_be(CKR_OK, host->p11->C_CloseAllSessions(host_slot(host, "web")));
}

/* All 6^5 sequences of five actions. */
static void every_order_follows_the_model(void) {
  int actions[5] = {0};
  for (int n = 0; n < 7776; n++) {
    for (int i = 0, rest = n; i < 5; i++, rest /= ACTIONS)
      actions[i] = rest % ACTIONS;
    run_sequence(actions, 5);
  }
}

static void any_pin_or_none_will_do(void) {
  CK_UTF8CHAR pin[300] = "x";
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_RV expected = CKR_OK;
  for (CK_ULONG len = 0; len <= 300; len += 50) {
    must_be(expected, host->p11->C_Login(session, CKU_USER, len ? pin : NULL, len));
    must_be(CKR_OK, host->p11->C_Logout(session));
  }
  must_be(CKR_ARGUMENTS_BAD, host->p11->C_Login(session, CKU_USER, NULL, 4));
  must_be(CKR_OK, host->p11->C_LoginUser(session, CKU_USER, pin, 1, pin, 1));
  must_be(CKR_ARGUMENTS_BAD, host->p11->C_LoginUser(session, CKU_USER, pin, 1, NULL, 1));
  must_be(CKR_OK, host->p11->C_CloseSession(session));
}

static void other_users_are_unknown(void) {
  CK_UTF8CHAR pin[] = "1";
  CK_SESSION_HANDLE session = host_open(host, CKF_RW_SESSION);
  must_be(CKR_USER_TYPE_INVALID, host->p11->C_Login(session, CKU_SO, pin, 1));
  must_be(CKR_USER_TYPE_INVALID, host->p11->C_Login(session, 77, pin, 1));
  must_be(CKR_OPERATION_NOT_INITIALIZED, host->p11->C_Login(session, CKU_CONTEXT_SPECIFIC, pin, 1));
  must_be(CKR_OK, host->p11->C_CloseSession(session));
}

static void nobody_is_asked_to_log_in(void) {
  CK_TOKEN_INFO info;
  CK_SESSION_HANDLE session = host_open(host, 0);
  must_be(CKR_OK, host->p11->C_GetTokenInfo(host_slot(host, "web"), &info));
  must(!(info.flags & (CKF_LOGIN_REQUIRED | CKF_PROTECTED_AUTHENTICATION_PATH | CKF_RNG)));
  must((info.flags & CKF_TOKEN_INITIALIZED) && (info.flags & CKF_USER_PIN_INITIALIZED));
  must(memcmp(info.label, "web                             ", 32) == 0);
  must(memcmp(info.model, "managed identity", 16) == 0);
  must(info.ulSessionCount == 1 && info.ulRwSessionCount == 0);
  host_sign_checked(host, session, host_find(host, session, CKO_PRIVATE_KEY), host->identities[0].key);
  must_be(CKR_OK, host->p11->C_CloseSession(session));
}

static const struct host_case cases[] = {
    {"/login/every_order_follows_the_model", every_order_follows_the_model},
    {"/login/any_pin_or_none_will_do", any_pin_or_none_will_do},
    {"/login/other_users_are_unknown", other_users_are_unknown},
    {"/login/nobody_is_asked_to_log_in", nobody_is_asked_to_log_in},
};

int main(int argc, char **argv) {
  host = host_new();
  host_start(host);
  return host_finish(&host, argc, argv, cases, sizeof cases / sizeof cases[0]);
}
