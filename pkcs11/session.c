#include "pkcs11/session.h"

#include <stdlib.h>
#include <string.h>

void kg_session_free(void *item) {
  struct kg_session *session = item;
  if (session == NULL) return;
  kg_operation_clear(&session->sign);
  kg_operation_clear(&session->verify);
  kg_operation_clear(&session->digest);
  kg_find_clear(&session->find);
  kg_view_clear(&session->view);
  kg_mutex_destroy(&session->mutex);
  kg_wipe(session, sizeof *session);
  free(session);
}

static int64_t now_ms(const struct kg_slot *slot) {
  return slot->refresh.clock->elapsed_ms(slot->refresh.clock->context);
}

/* Takes `generation`. */
static struct kg_session *create(struct kg_slot *slot, struct kg_generation *generation, CK_FLAGS flags) {
  struct kg_session *session = calloc(1, sizeof *session);
  if (session == NULL) {
    kg_generation_unref(&generation);
    return NULL;
  }
  session->slot = slot;
  session->view.now = generation;
  session->flags = flags & (CKF_RW_SESSION | CKF_SERIAL_SESSION);
  session->opened_ms = now_ms(slot);
  kg_mutex_init(&session->mutex);
  return session;
}

static bool is_rw(const struct kg_session *session) {
  return (session->flags & CKF_RW_SESSION) != 0;
}

CK_RV kg_session_open(struct kg_handles *sessions, struct kg_slot *slot, struct kg_generation *generation,
                      CK_FLAGS flags, CK_SESSION_HANDLE *handle) {
  struct kg_session *session = create(slot, generation, flags);
  if (session == NULL) return CKR_HOST_MEMORY;
  bool rw = is_rw(session);
  kg_login_session_opened(&slot->login, rw); /* first: a handle can be closed as soon as it is there */
  if (kg_handle_open(sessions, session, handle)) return CKR_OK;
  kg_login_session_closed(&slot->login, rw);
  kg_session_free(session);
  return CKR_SESSION_COUNT;
}

CK_RV kg_session_close(struct kg_handles *sessions, CK_SESSION_HANDLE handle, const struct kg_session *session) {
  if (!kg_handle_close(sessions, handle)) return CKR_SESSION_HANDLE_INVALID;
  kg_login_session_closed(&session->slot->login, is_rw(session));
  return CKR_OK;
}

void kg_session_close_all(struct kg_handles *sessions, const struct kg_slot *slot) {
  CK_SESSION_HANDLE handle = 0;
  size_t position = 0;
  while ((handle = kg_handle_next(sessions, &position)) != 0) {
    const struct kg_session *session = kg_handle_acquire(sessions, handle);
    if (session == NULL) continue;
    if (session->slot == slot) (void)kg_session_close(sessions, handle, session);
    kg_handle_release(sessions, handle);
  }
}

CK_STATE kg_session_state(const struct kg_session *session) {
  return kg_login_state(&session->slot->login, is_rw(session));
}

struct kg_generation *kg_session_find_generation(struct kg_session *session, CK_OBJECT_HANDLE handle) {
  struct kg_generation *found = NULL;
  kg_mutex_lock(&session->mutex);
  if (kg_view_find(&session->view, handle, &found) != NULL) (void)kg_generation_ref(found);
  kg_mutex_unlock(&session->mutex);
  return found != NULL ? found : kg_refresh_find(&session->slot->refresh, handle);
}

CK_RV kg_session_search(struct kg_session *session, struct kg_find *fresh, struct kg_generation *shown) {
  kg_mutex_lock(&session->mutex);
  CK_RV rv = session->find.active ? CKR_OPERATION_ACTIVE : CKR_OK;
  if (rv == CKR_OK) {
    session->find = *fresh;
    shown = kg_view_move(&session->view, shown);
  }
  kg_mutex_unlock(&session->mutex);
  kg_generation_unref(&shown);
  if (rv != CKR_OK) kg_find_clear(fresh);
  return rv;
}

void kg_session_limits(struct kg_session *session, struct kg_mechanism_limits *out) {
  kg_mutex_lock(&session->mutex);
  *out = session->view.now->limits;
  kg_mutex_unlock(&session->mutex);
}

void kg_session_explain_active(struct kg_session *session, struct kg_error *error) {
  if (atomic_exchange(&session->told_active, true)) return;
  (void)kg_error_set(error, KG_E_USAGE,
                     "an operation was started on a session where one is active (session open for %lld s)",
                     (long long)((now_ms(session->slot) - session->opened_ms) / 1000));
}

CK_RV kg_session_begin(struct kg_session *session, struct kg_operation *active, struct kg_operation *fresh,
                       struct kg_error *error) {
  kg_mutex_lock(&session->mutex);
  bool begun = kg_operation_begin(active, fresh);
  kg_mutex_unlock(&session->mutex);
  if (begun) return CKR_OK;
  kg_session_explain_active(session, error);
  kg_operation_clear(fresh);
  return CKR_OPERATION_ACTIVE;
}

void kg_session_cancel(struct kg_session *session, struct kg_operation *active) {
  struct kg_operation ended;
  kg_mutex_lock(&session->mutex);
  kg_operation_move(active, &ended);
  kg_mutex_unlock(&session->mutex);
  kg_operation_clear(&ended);
}

CK_RV kg_session_update(struct kg_session *session, struct kg_operation *active, const CK_BYTE *part, CK_ULONG len) {
  struct kg_operation ended;
  kg_mutex_lock(&session->mutex);
  CK_RV rv = kg_operation_update(active, part, len);
  if (rv != CKR_OK) kg_operation_move(active, &ended);
  kg_mutex_unlock(&session->mutex);
  if (rv != CKR_OK) kg_operation_clear(&ended);
  return rv;
}

CK_RV kg_session_take(struct kg_session *session, struct kg_operation *active, enum kg_operation_end end,
                      struct kg_operation *taken) {
  kg_mutex_lock(&session->mutex);
  CK_RV rv = kg_operation_take(active, end, taken);
  kg_mutex_unlock(&session->mutex);
  if (rv != CKR_OK) kg_operation_clear(taken);
  return rv;
}

CK_RV kg_session_take_for(struct kg_session *session, struct kg_operation *active, enum kg_operation_end end,
                          const CK_BYTE *buffer, CK_ULONG *buffer_len, struct kg_operation *taken) {
  kg_mutex_lock(&session->mutex);
  CK_RV rv = kg_operation_take_for(active, end, buffer, buffer_len, taken);
  kg_mutex_unlock(&session->mutex);
  if (rv != CKR_OK) kg_operation_clear(taken);
  return rv;
}
