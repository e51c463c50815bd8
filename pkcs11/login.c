#include "pkcs11/login.h"

#include "pkcs11/session.h"

#include <string.h>

void kg_login_init(struct kg_login *login) {
  memset(login, 0, sizeof *login);
  kg_mutex_init(&login->mutex);
}

void kg_login_clear(struct kg_login *login) {
  kg_mutex_destroy(&login->mutex);
}

void kg_login_session_opened(struct kg_login *login, bool rw) {
  kg_mutex_lock(&login->mutex);
  login->sessions++;
  login->rw_sessions += rw;
  kg_mutex_unlock(&login->mutex);
}

void kg_login_session_closed(struct kg_login *login, bool rw) {
  kg_mutex_lock(&login->mutex);
  login->sessions--;
  login->rw_sessions -= rw;
  if (login->sessions == 0) login->logged_in = false;
  kg_mutex_unlock(&login->mutex);
}

void kg_login_count(struct kg_login *login, size_t *sessions, size_t *rw_sessions) {
  kg_mutex_lock(&login->mutex);
  *sessions = login->sessions;
  *rw_sessions = login->rw_sessions;
  kg_mutex_unlock(&login->mutex);
}

CK_STATE kg_login_state(struct kg_login *login, bool rw) {
  kg_mutex_lock(&login->mutex);
  bool logged_in = login->logged_in;
  kg_mutex_unlock(&login->mutex);
  if (rw) return logged_in ? CKS_RW_USER_FUNCTIONS : CKS_RW_PUBLIC_SESSION;
  return logged_in ? CKS_RO_USER_FUNCTIONS : CKS_RO_PUBLIC_SESSION;
}

/* Sets the state; false: that was the state. */
static bool change(struct kg_login *login, bool logged_in) {
  kg_mutex_lock(&login->mutex);
  bool changed = login->logged_in != logged_in;
  login->logged_in = logged_in;
  kg_mutex_unlock(&login->mutex);
  return changed;
}

/* There is no security officer here, and no key asks for a login of its own: such a login is for an operation that
 * wants one, so without one there is nothing to log in for. */
static CK_RV enter(struct kg_session *session, CK_USER_TYPE type) {
  switch (type) {
  case CKU_USER:
    return change(&session->slot->login, true) ? CKR_OK : CKR_USER_ALREADY_LOGGED_IN;
  case CKU_CONTEXT_SPECIFIC:
    return CKR_OPERATION_NOT_INITIALIZED;
  default:
    return CKR_USER_TYPE_INVALID;
  }
}

CK_RV kg_login_enter(struct kg_call *call, CK_SESSION_HANDLE handle, CK_USER_TYPE type, CK_UTF8CHAR *pin,
                     CK_ULONG pin_len) {
  struct kg_session *session = NULL;
  CK_RV rv = kg_session_acquire(call, handle, &session);
  if (rv != CKR_OK) return rv;
  rv = pin == NULL && pin_len ? CKR_ARGUMENTS_BAD : enter(session, type);
  kg_session_release(call, handle);
  return rv;
}

CK_RV kg_login_enter_user(struct kg_call *call, CK_SESSION_HANDLE handle, CK_USER_TYPE type, CK_UTF8CHAR *pin,
                          CK_ULONG pin_len, CK_UTF8CHAR *user, CK_ULONG user_len) {
  if (user == NULL && user_len) return CKR_ARGUMENTS_BAD;
  return kg_login_enter(call, handle, type, pin, pin_len);
}

CK_RV kg_login_leave(struct kg_call *call, CK_SESSION_HANDLE handle) {
  struct kg_session *session = NULL;
  CK_RV rv = kg_session_acquire(call, handle, &session);
  if (rv != CKR_OK) return rv;
  rv = change(&session->slot->login, false) ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
  kg_session_release(call, handle);
  return rv;
}
