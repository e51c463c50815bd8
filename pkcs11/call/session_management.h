/* Opening and closing sessions, logging in and out, and what a session says about itself. */
#ifndef KG_PKCS11_CALL_SESSION_MANAGEMENT_H
#define KG_PKCS11_CALL_SESSION_MANAGEMENT_H

#include "pkcs11/call.h"
#include "pkcs11/session.h"

CK_RV kg_session_call_open(struct kg_call *call, struct kg_slot *slot, CK_FLAGS flags, CK_SESSION_HANDLE *handle);
CK_RV kg_session_call_close(struct kg_call *call, const struct kg_session *session, CK_SESSION_HANDLE handle);
CK_RV kg_session_call_close_all(struct kg_call *call, const struct kg_slot *slot);
CK_RV kg_session_call_info(const struct kg_session *session, CK_SESSION_INFO *info);
CK_RV kg_session_call_cancel(struct kg_session *session, CK_FLAGS flags);

CK_RV kg_session_call_login(const struct kg_session *session, CK_USER_TYPE type, const CK_UTF8CHAR *pin,
                            CK_ULONG pin_len);
CK_RV kg_session_call_login_user(const struct kg_session *session, CK_USER_TYPE type, const CK_UTF8CHAR *pin,
                                 CK_ULONG pin_len, const CK_UTF8CHAR *user, CK_ULONG user_len);
CK_RV kg_session_call_logout(const struct kg_session *session);

#endif
