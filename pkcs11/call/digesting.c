#include "pkcs11/call/digesting.h"

#include <string.h>

CK_RV kg_digest_call_begin(struct kg_call *call, struct kg_session *session, const CK_MECHANISM *mechanism) {
  if (mechanism == NULL) { /* cancels, as for signing */
    kg_session_cancel(session, &session->digest);
    return CKR_OK;
  }
  struct kg_mechanism_limits limits;
  kg_session_limits(session, &limits);
  struct kg_operation fresh;
  memset(&fresh, 0, sizeof fresh);
  fresh.mechanism = kg_mechanism_find(mechanism->mechanism, &limits);
  if (fresh.mechanism == NULL || fresh.mechanism->use != KG_USE_DIGEST) return CKR_MECHANISM_INVALID;
  CK_RV rv = kg_mechanism_read_params(fresh.mechanism, &limits, mechanism, &fresh.params);
  if (rv != CKR_OK) return rv;
  kg_hash_init(&fresh.hash, fresh.mechanism->hash);
  return kg_session_begin(session, &session->digest, &fresh, &call->error);
}

CK_RV kg_digest_call_finish(struct kg_call *call, struct kg_session *session, enum kg_operation_end end,
                            struct kg_span data, CK_BYTE *digest, CK_ULONG *digest_len) {
  struct kg_operation taken;
  CK_RV rv = kg_session_take_for(session, &session->digest, end, digest, digest_len, &taken);
  if (rv != CKR_OK || taken.mechanism == NULL) return rv;
  if (data.data == NULL && data.len > 0) rv = CKR_ARGUMENTS_BAD;
  if (rv == CKR_OK) kg_hash_update(&taken.hash, data);
  if (rv == CKR_OK && !kg_hash_final(&taken.hash, digest)) rv = kg_call_status(call, KG_E_NO_MEMORY);
  kg_operation_clear(&taken);
  return rv;
}
