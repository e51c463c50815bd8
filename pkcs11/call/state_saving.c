#include "pkcs11/call/state_saving.h"

#include "pkcs11/operation_state.h"
#include "pkcs11/out_buffer.h"

#include <string.h>

static CK_RV save_locked(const struct kg_session *session, unsigned char out[KG_OPERATION_STATE_MAX], size_t *len) {
  if (session->sign.mechanism != NULL || session->verify.mechanism != NULL) return CKR_STATE_UNSAVEABLE;
  if (session->digest.mechanism == NULL) return CKR_OPERATION_NOT_INITIALIZED;
  *len = kg_operation_state_format(&session->digest, out);
  return *len ? CKR_OK : CKR_STATE_UNSAVEABLE;
}

CK_RV kg_state_call_get(struct kg_session *session, CK_BYTE *state, CK_ULONG *state_len) {
  unsigned char saved[KG_OPERATION_STATE_MAX];
  size_t len = 0;
  kg_mutex_lock(&session->mutex);
  CK_RV rv = save_locked(session, saved, &len);
  kg_mutex_unlock(&session->mutex);
  if (rv == CKR_OK && kg_out_buffer_judge(state, state_len, (CK_ULONG)len, &rv) == KG_OUT_WRITE)
    memcpy(state, saved, len);
  kg_wipe(saved, sizeof saved);
  return rv;
}

/* The state of a session is replaced whole: with what was saved, and nothing else. */
static void replace(struct kg_session *session, struct kg_operation *restored) {
  struct kg_operation *const active[] = {&session->sign, &session->verify, &session->digest};
  struct kg_operation ended[sizeof active / sizeof active[0]];
  kg_mutex_lock(&session->mutex);
  for (size_t i = 0; i < sizeof active / sizeof active[0]; i++)
    kg_operation_move(active[i], &ended[i]);
  kg_operation_move(restored, &session->digest);
  kg_mutex_unlock(&session->mutex);
  for (size_t i = 0; i < sizeof active / sizeof active[0]; i++)
    kg_operation_clear(&ended[i]);
}

CK_RV kg_state_call_set(struct kg_session *session, const CK_BYTE *state, CK_ULONG state_len,
                        CK_OBJECT_HANDLE encryption_key, CK_OBJECT_HANDLE authentication_key) {
  if (state == NULL) return CKR_ARGUMENTS_BAD;
  struct kg_mechanism_limits limits;
  kg_session_limits(session, &limits);
  struct kg_operation restored;
  if (!kg_operation_state_parse(kg_span_of(state, state_len), &limits, &restored)) return CKR_SAVED_STATE_INVALID;
  if (encryption_key != CK_INVALID_HANDLE || authentication_key != CK_INVALID_HANDLE) return CKR_KEY_NOT_NEEDED;
  replace(session, &restored);
  return CKR_OK;
}
