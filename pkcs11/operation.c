#include "pkcs11/operation.h"

#include "pkcs11/output.h"
#include "pkcs11/session.h"

#include <string.h>

void kg_operation_clear(struct kg_operation *operation) {
  kg_hash_clear(&operation->hash);
  kg_wipe(operation, sizeof *operation);
}

/* A hash context has one copy that goes on: the other is forgotten, not cleared. */
static void move(struct kg_operation *from, struct kg_operation *to) {
  *to = *from;
  kg_wipe(from, sizeof *from);
}

/* Told once a session: hosts that leave operations behind do so at every connection. */
static void explain_active(struct kg_call *call, struct kg_session *session) {
  if (atomic_exchange(&session->told_active, true)) return;
  (void)kg_error_set(&call->error, KG_E_USAGE,
                     "an operation was started on a session where one is active (session open for %lld s)",
                     (long long)(kg_session_age_ms(session) / 1000));
}

CK_RV kg_operation_begin(struct kg_call *call, struct kg_session *session, struct kg_operation *active,
                         struct kg_operation *fresh) {
  kg_mutex_lock(&session->mutex);
  CK_RV rv = CKR_OK;
  if (active->mechanism != NULL)
    rv = CKR_OPERATION_ACTIVE;
  else
    move(fresh, active);
  kg_mutex_unlock(&session->mutex);
  if (rv == CKR_OPERATION_ACTIVE) explain_active(call, session);
  kg_operation_clear(fresh);
  return rv;
}

void kg_operation_cancel(struct kg_session *session, struct kg_operation *active) {
  kg_mutex_lock(&session->mutex);
  kg_operation_clear(active);
  kg_mutex_unlock(&session->mutex);
}

static CK_RV update_locked(struct kg_operation *active, const CK_BYTE *part, CK_ULONG len) {
  if (active->mechanism == NULL || active->mechanism->hash == KG_HASH_NONE) return CKR_OPERATION_NOT_INITIALIZED;
  if (part == NULL && len) return CKR_ARGUMENTS_BAD;
  kg_hash_update(&active->hash, kg_span_of(part, len));
  active->updated = true;
  return CKR_OK;
}

CK_RV kg_operation_update(struct kg_session *session, struct kg_operation *active, const CK_BYTE *part, CK_ULONG len) {
  kg_mutex_lock(&session->mutex);
  CK_RV rv = update_locked(active, part, len);
  if (rv != CKR_OK) kg_operation_clear(active);
  kg_mutex_unlock(&session->mutex);
  return rv;
}

/* Is there one that may be ended in this way? */
static CK_RV check_end(const struct kg_operation *active, enum kg_operation_end end) {
  if (active->mechanism == NULL) return CKR_OPERATION_NOT_INITIALIZED;
  if (end == KG_END_ONCE && active->updated) return CKR_OPERATION_NOT_INITIALIZED;
  if (end == KG_END_FINAL && active->mechanism->hash == KG_HASH_NONE) return CKR_OPERATION_NOT_INITIALIZED;
  return CKR_OK;
}

CK_RV kg_operation_take(struct kg_session *session, struct kg_operation *active, enum kg_operation_end end,
                        struct kg_operation *taken) {
  kg_mutex_lock(&session->mutex);
  CK_RV rv = check_end(active, end);
  move(active, taken);
  kg_mutex_unlock(&session->mutex);
  if (rv != CKR_OK) kg_operation_clear(taken);
  return rv;
}

static CK_ULONG output_size(const struct kg_session *session, const struct kg_operation *active) {
  if (active->mechanism->use == KG_USE_DIGEST) return (CK_ULONG)kg_hash_size(active->mechanism->hash);
  return (CK_ULONG)kg_generation_signature_size(session->generation);
}

CK_RV kg_operation_take_for(struct kg_session *session, struct kg_operation *active, enum kg_operation_end end,
                            const CK_BYTE *buffer, CK_ULONG *buffer_len, struct kg_operation *taken) {
  memset(taken, 0, sizeof *taken);
  kg_mutex_lock(&session->mutex);
  CK_RV rv = check_end(active, end);
  enum kg_output output = KG_OUTPUT_BAD;
  if (rv == CKR_OK) output = kg_output_judge(buffer, buffer_len, output_size(session, active), &rv);
  if (output == KG_OUTPUT_WRITE) move(active, taken);
  if (output == KG_OUTPUT_BAD) kg_operation_clear(active);
  kg_mutex_unlock(&session->mutex);
  return rv;
}
