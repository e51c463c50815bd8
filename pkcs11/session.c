#include "pkcs11/session.h"

#include "pkcs11/handle.h"
#include "pkcs11/module.h"

#include <stdlib.h>
#include <string.h>

void kg_session_free(void *item) {
  struct kg_session *session = item;
  if (session == NULL) return;
  kg_find_clear(&session->find);
  kg_generation_unref(&session->generation);
  kg_mutex_destroy(&session->mutex);
  kg_wipe(session, sizeof *session);
  free(session);
}

static int64_t now_ms(const struct kg_slot *slot) {
  return slot->refresh.clock->elapsed_ms(slot->refresh.clock->context);
}

int64_t kg_session_age_ms(const struct kg_session *session) {
  return now_ms(session->slot) - session->opened_ms;
}

CK_RV kg_session_acquire(struct kg_call *call, CK_SESSION_HANDLE handle, struct kg_session **out) {
  struct kg_session *session = kg_handle_acquire(kg_module_sessions(call->module), handle);
  if (session == NULL) return CKR_SESSION_HANDLE_INVALID;
  call->identity = session->slot->identity->name;
  *out = session;
  return CKR_OK;
}

void kg_session_release(struct kg_call *call, CK_SESSION_HANDLE handle) {
  kg_handle_release(kg_module_sessions(call->module), handle);
}

/* Takes `generation`. */
static struct kg_session *create(struct kg_slot *slot, struct kg_generation *generation, CK_FLAGS flags) {
  struct kg_session *session = calloc(1, sizeof *session);
  if (session == NULL) {
    kg_generation_unref(&generation);
    return NULL;
  }
  session->slot = slot;
  session->generation = generation;
  session->flags = flags & (CKF_RW_SESSION | CKF_SERIAL_SESSION);
  session->opened_ms = now_ms(slot);
  kg_mutex_init(&session->mutex);
  return session;
}

static bool is_rw(const struct kg_session *session) {
  return (session->flags & CKF_RW_SESSION) != 0;
}

CK_RV kg_session_call_open(struct kg_call *call, CK_SLOT_ID id, CK_FLAGS flags, CK_SESSION_HANDLE *handle) {
  bool rw = (flags & CKF_RW_SESSION) != 0;
  CK_RV rv = handle != NULL ? CKR_OK : CKR_ARGUMENTS_BAD;
  if (rv == CKR_OK && !(flags & CKF_SERIAL_SESSION)) rv = CKR_SESSION_PARALLEL_NOT_SUPPORTED;
  struct kg_generation *generation = NULL;
  struct kg_slot *slot = NULL;
  if (rv == CKR_OK) rv = kg_slot_obtain_token(call, id, &slot, &generation);
  if (rv != CKR_OK) return rv;
  struct kg_session *session = create(slot, generation, flags);
  if (session == NULL) return kg_call_status(call, KG_E_NO_MEMORY);
  kg_login_session_opened(&slot->login, rw); /* first: a handle can be closed as soon as it is there */
  if (kg_handle_open(kg_module_sessions(call->module), session, handle)) return CKR_OK;
  kg_login_session_closed(&slot->login, rw);
  kg_session_free(session);
  return CKR_SESSION_COUNT;
}

/* Those who are using the session go on; the handle is unknown from here. */
static CK_RV close_acquired(struct kg_call *call, CK_SESSION_HANDLE handle, struct kg_session *session) {
  if (!kg_handle_close(kg_module_sessions(call->module), handle)) return CKR_SESSION_HANDLE_INVALID;
  kg_login_session_closed(&session->slot->login, is_rw(session));
  return CKR_OK;
}

CK_RV kg_session_call_close(struct kg_call *call, CK_SESSION_HANDLE handle) {
  struct kg_session *session = NULL;
  CK_RV rv = kg_session_acquire(call, handle, &session);
  if (rv != CKR_OK) return rv;
  rv = close_acquired(call, handle, session);
  kg_session_release(call, handle);
  return rv;
}

CK_RV kg_session_call_close_all(struct kg_call *call, CK_SLOT_ID id) {
  struct kg_slot *slot = NULL;
  CK_RV rv = kg_slot_require(call, id, &slot);
  if (rv != CKR_OK) return rv;
  CK_SESSION_HANDLE handle = 0;
  size_t position = 0;
  while ((handle = kg_handle_next(kg_module_sessions(call->module), &position)) != 0) {
    struct kg_session *session = NULL;
    if (kg_session_acquire(call, handle, &session) != CKR_OK) continue;
    if (session->slot == slot) (void)close_acquired(call, handle, session);
    kg_session_release(call, handle);
  }
  return CKR_OK;
}

CK_RV kg_session_call_info(struct kg_call *call, CK_SESSION_HANDLE handle, CK_SESSION_INFO *info) {
  struct kg_session *session = NULL;
  CK_RV rv = kg_session_acquire(call, handle, &session);
  if (rv != CKR_OK) return rv;
  if (info != NULL) {
    memset(info, 0, sizeof *info);
    info->slotID = session->slot->id;
    info->state = kg_login_state(&session->slot->login, is_rw(session));
    info->flags = session->flags;
  } else {
    rv = CKR_ARGUMENTS_BAD;
  }
  kg_session_release(call, handle);
  return rv;
}

CK_RV kg_session_call_cancel(struct kg_call *call, CK_SESSION_HANDLE handle, CK_FLAGS flags) {
  struct kg_session *session = NULL;
  CK_RV rv = kg_session_acquire(call, handle, &session);
  if (rv != CKR_OK) return rv;
  if (flags & CKF_SIGN) kg_operation_cancel(session, &session->sign);
  if (flags & CKF_VERIFY) kg_operation_cancel(session, &session->verify);
  if (flags & CKF_DIGEST) kg_operation_cancel(session, &session->digest);
  if (flags & CKF_FIND_OBJECTS) kg_find_cancel(session);
  kg_session_release(call, handle);
  return CKR_OK;
}
