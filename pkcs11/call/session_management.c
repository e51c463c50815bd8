#include "pkcs11/call/session_management.h"

#include "pkcs11/module.h"

#include <string.h>

CK_RV kg_session_call_open(struct kg_call *call, struct kg_slot *slot, CK_FLAGS flags, CK_SESSION_HANDLE *handle) {
  if (handle == NULL) return CKR_ARGUMENTS_BAD;
  if (!(flags & CKF_SERIAL_SESSION)) return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
  struct kg_generation *generation = kg_slot_obtain_token(slot, &call->error);
  if (generation == NULL) return CKR_TOKEN_NOT_PRESENT;
  CK_RV rv = kg_session_open(kg_module_sessions(call->module), slot, generation, flags, handle);
  return rv == CKR_HOST_MEMORY ? kg_call_status(call, KG_E_NO_MEMORY) : rv;
}

CK_RV kg_session_call_close(struct kg_call *call, const struct kg_session *session, CK_SESSION_HANDLE handle) {
  return kg_session_close(kg_module_sessions(call->module), handle, session);
}

CK_RV kg_session_call_close_all(struct kg_call *call, const struct kg_slot *slot) {
  kg_session_close_all(kg_module_sessions(call->module), slot);
  return CKR_OK;
}

CK_RV kg_session_call_info(const struct kg_session *session, CK_SESSION_INFO *info) {
  if (info == NULL) return CKR_ARGUMENTS_BAD;
  memset(info, 0, sizeof *info);
  info->slotID = session->slot->id;
  info->state = kg_session_state(session);
  info->flags = session->flags;
  return CKR_OK;
}

static void cancel_search(struct kg_session *session) {
  kg_mutex_lock(&session->mutex);
  kg_find_clear(&session->find);
  kg_mutex_unlock(&session->mutex);
}

CK_RV kg_session_call_cancel(struct kg_session *session, CK_FLAGS flags) {
  if (flags & CKF_SIGN) kg_session_cancel(session, &session->sign);
  if (flags & CKF_VERIFY) kg_session_cancel(session, &session->verify);
  if (flags & CKF_DIGEST) kg_session_cancel(session, &session->digest);
  if (flags & CKF_FIND_OBJECTS) cancel_search(session);
  return CKR_OK;
}

/* There is no security officer here, and no key asks for a login of its own: such a login is for an operation that
 * wants one, so without one there is nothing to log in for. */
CK_RV kg_session_call_login(const struct kg_session *session, CK_USER_TYPE type, const CK_UTF8CHAR *pin,
                            CK_ULONG pin_len) {
  if (pin == NULL && pin_len) return CKR_ARGUMENTS_BAD;
  switch (type) {
  case CKU_USER:
    return kg_login_change(&session->slot->login, true) ? CKR_OK : CKR_USER_ALREADY_LOGGED_IN;
  case CKU_CONTEXT_SPECIFIC:
    return CKR_OPERATION_NOT_INITIALIZED;
  default:
    return CKR_USER_TYPE_INVALID;
  }
}

CK_RV kg_session_call_login_user(const struct kg_session *session, CK_USER_TYPE type, const CK_UTF8CHAR *pin,
                                 CK_ULONG pin_len, const CK_UTF8CHAR *user, CK_ULONG user_len) {
  if (user == NULL && user_len) return CKR_ARGUMENTS_BAD;
  return kg_session_call_login(session, type, pin, pin_len);
}

CK_RV kg_session_call_logout(const struct kg_session *session) {
  return kg_login_change(&session->slot->login, false) ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
}
