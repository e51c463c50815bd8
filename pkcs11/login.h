/* Sessions and login of one token as the application sees them: state of the token and application, not of a session
 * (PKCS#11 3.0 section 5.6). Nobody has to log in; who does finds that it works. */
#ifndef KG_PKCS11_LOGIN_H
#define KG_PKCS11_LOGIN_H

#include "core/os/mutex.h"
#include "keyguard/cryptoki.h"

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
/* False: that was the state already. */
bool kg_login_change(struct kg_login *login, bool logged_in);

#endif
