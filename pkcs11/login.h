/* Sessions and login of one token as the application sees them: state of the token and application, not of a session
 * (PKCS#11 3.0 section 5.6). Nobody has to log in; who does finds that it works. */
#ifndef KG_PKCS11_LOGIN_H
#define KG_PKCS11_LOGIN_H

#include "core/os/mutex.h"
#include "pkcs11/call.h"

#include <stdbool.h>
#include <stddef.h>

struct kg_login {
  struct kg_mutex mutex;
  size_t sessions, rw_sessions;
  bool logged_in;
};

void kg_login_init(struct kg_login *login);
void kg_login_clear(struct kg_login *login);
void kg_login_session_opened(struct kg_login *login, bool rw);
void kg_login_session_closed(struct kg_login *login, bool rw); /* the last one logs out */
void kg_login_count(struct kg_login *login, size_t *sessions, size_t *rw_sessions);
CK_STATE kg_login_state(struct kg_login *login, bool rw);

CK_RV kg_login_enter(struct kg_call *call, CK_SESSION_HANDLE handle, CK_USER_TYPE type, CK_UTF8CHAR *pin,
                     CK_ULONG pin_len);
CK_RV kg_login_enter_user(struct kg_call *call, CK_SESSION_HANDLE handle, CK_USER_TYPE type, CK_UTF8CHAR *pin,
                          CK_ULONG pin_len, CK_UTF8CHAR *user, CK_ULONG user_len);
CK_RV kg_login_leave(struct kg_call *call, CK_SESSION_HANDLE handle);

#endif
