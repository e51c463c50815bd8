#include "pkcs11/digest.h"

#include "pkcs11/session.h"

#include <string.h>

static CK_RV begin(struct kg_call *call, struct kg_session *session, const CK_MECHANISM *mechanism) {
  const struct kg_mechanism_limits *limits = &session->generation->limits;
  struct kg_operation fresh;
  memset(&fresh, 0, sizeof fresh);
  if (mechanism == NULL) { /* cancels, as for signing */
    kg_operation_cancel(session, &session->digest);
    return CKR_OK;
  }
  fresh.mechanism = kg_mechanism_find(mechanism->mechanism, limits);
  if (fresh.mechanism == NULL || fresh.mechanism->use != KG_USE_DIGEST) return CKR_MECHANISM_INVALID;
  CK_RV rv = kg_mechanism_read_params(fresh.mechanism, limits, mechanism, &fresh.params);
  if (rv != CKR_OK) return rv;
  kg_hash_init(&fresh.hash, fresh.mechanism->hash);
  return kg_operation_begin(call, session, &session->digest, &fresh);
}

CK_RV kg_digest_call_init(struct kg_call *call, CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism) {
  struct kg_session *session = NULL;
  CK_RV rv = kg_session_acquire(call, handle, &session);
  if (rv != CKR_OK) return rv;
  rv = begin(call, session, mechanism);
  kg_session_release(call, handle);
  return rv;
}

/* Both endings: the rest of the data (none for Final), then the digest. */
static CK_RV finish(struct kg_call *call, struct kg_operation *taken, struct kg_span rest, CK_BYTE *digest) {
  kg_hash_update(&taken->hash, rest);
  CK_RV rv = CKR_OK;
  if (!kg_hash_final(&taken->hash, digest)) rv = kg_call_status(call, KG_E_NO_MEMORY);
  kg_operation_clear(taken);
  return rv;
}

static CK_RV once(struct kg_call *call, struct kg_session *session, struct kg_span data, CK_BYTE *digest,
                  CK_ULONG *digest_len) {
  struct kg_operation taken;
  CK_RV rv = kg_operation_take_for(session, &session->digest, KG_END_ONCE, digest, digest_len, &taken);
  if (rv != CKR_OK || taken.mechanism == NULL) return rv;
  if (data.data != NULL || data.len == 0) return finish(call, &taken, data, digest);
  kg_operation_clear(&taken);
  return CKR_ARGUMENTS_BAD;
}

CK_RV kg_digest_call_once(struct kg_call *call, CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_len,
                          CK_BYTE *digest, CK_ULONG *digest_len) {
  struct kg_session *session = NULL;
  CK_RV rv = kg_session_acquire(call, handle, &session);
  if (rv != CKR_OK) return rv;
  rv = once(call, session, kg_span_of(data, data_len), digest, digest_len);
  kg_session_release(call, handle);
  return rv;
}

CK_RV kg_digest_call_update(struct kg_call *call, CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_len) {
  struct kg_session *session = NULL;
  CK_RV rv = kg_session_acquire(call, handle, &session);
  if (rv != CKR_OK) return rv;
  rv = kg_operation_update(session, &session->digest, part, part_len);
  kg_session_release(call, handle);
  return rv;
}

static CK_RV final(struct kg_call *call, struct kg_session *session, CK_BYTE *digest, CK_ULONG *digest_len) {
  struct kg_operation taken;
  CK_RV rv = kg_operation_take_for(session, &session->digest, KG_END_FINAL, digest, digest_len, &taken);
  if (rv != CKR_OK || taken.mechanism == NULL) return rv;
  return finish(call, &taken, kg_span_of(NULL, 0), digest);
}

CK_RV kg_digest_call_final(struct kg_call *call, CK_SESSION_HANDLE handle, CK_BYTE *digest, CK_ULONG *digest_len) {
  struct kg_session *session = NULL;
  CK_RV rv = kg_session_acquire(call, handle, &session);
  if (rv != CKR_OK) return rv;
  rv = final(call, session, digest, digest_len);
  kg_session_release(call, handle);
  return rv;
}
