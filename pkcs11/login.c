#include "pkcs11/login.h"

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

bool kg_login_change(struct kg_login *login, bool logged_in) {
  kg_mutex_lock(&login->mutex);
  bool changed = login->logged_in != logged_in;
  login->logged_in = logged_in;
  kg_mutex_unlock(&login->mutex);
  return changed;
}
