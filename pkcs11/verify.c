#include "pkcs11/verify.h"

#include "pkcs11/signature.h"

static CK_RV begin(struct kg_call *call, struct kg_session *session, const CK_MECHANISM *mechanism,
                   CK_OBJECT_HANDLE key) {
  if (mechanism == NULL) { /* cancels, as for signing */
    kg_operation_cancel(session, &session->verify);
    return CKR_OK;
  }
  struct kg_operation fresh;
  CK_RV rv = kg_signature_prepare(session, mechanism, key, KG_OBJECT_PUBLIC_KEY, &fresh);
  return rv == CKR_OK ? kg_operation_begin(call, session, &session->verify, &fresh) : rv;
}

CK_RV kg_verify_call_init(struct kg_call *call, CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism,
                          CK_OBJECT_HANDLE key) {
  struct kg_session *session = NULL;
  CK_RV rv = kg_session_acquire(call, handle, &session);
  if (rv != CKR_OK) return rv;
  rv = begin(call, session, mechanism, key);
  kg_session_release(call, handle);
  return rv;
}

static CK_RV compare(struct kg_call *call, const struct kg_session *session, const struct kg_signature_input *input,
                     const CK_BYTE *signature, CK_ULONG signature_len) {
  const struct kg_generation *generation = session->generation;
  if (signature == NULL) return CKR_ARGUMENTS_BAD;
  if (signature_len != kg_generation_signature_size(generation)) return CKR_SIGNATURE_LEN_RANGE;
  struct kg_key *key = NULL;
  enum kg_status status = kg_lazy_key_get(generation->key, generation->binding, &key, &call->error);
  if (status == KG_OK)
    status = kg_key_verify(key, &input->params, input->span, kg_span_of(signature, signature_len), &call->error);
  return kg_call_status(call, status);
}

static CK_RV once(struct kg_call *call, struct kg_session *session, const CK_BYTE *data, CK_ULONG data_len,
                  const CK_BYTE *signature, CK_ULONG signature_len) {
  struct kg_operation taken;
  CK_RV rv = kg_operation_take(session, &session->verify, KG_END_ONCE, &taken);
  if (rv != CKR_OK) return rv;
  struct kg_signature_input input;
  rv = kg_signature_input_once(call, session, &taken, data, data_len, &input);
  if (rv == CKR_OK) rv = compare(call, session, &input, signature, signature_len);
  kg_operation_clear(&taken);
  return rv;
}

CK_RV kg_verify_call_once(struct kg_call *call, CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_len,
                          CK_BYTE *signature, CK_ULONG signature_len) {
  struct kg_session *session = NULL;
  CK_RV rv = kg_session_acquire(call, handle, &session);
  if (rv != CKR_OK) return rv;
  rv = once(call, session, data, data_len, signature, signature_len);
  kg_session_release(call, handle);
  return rv;
}

CK_RV kg_verify_call_update(struct kg_call *call, CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_len) {
  struct kg_session *session = NULL;
  CK_RV rv = kg_session_acquire(call, handle, &session);
  if (rv != CKR_OK) return rv;
  rv = kg_operation_update(session, &session->verify, part, part_len);
  kg_session_release(call, handle);
  return rv;
}

static CK_RV final(struct kg_call *call, struct kg_session *session, const CK_BYTE *signature, CK_ULONG signature_len) {
  struct kg_operation taken;
  CK_RV rv = kg_operation_take(session, &session->verify, KG_END_FINAL, &taken);
  if (rv != CKR_OK) return rv;
  struct kg_signature_input input;
  rv = kg_signature_input_final(call, &taken, &input);
  kg_operation_clear(&taken);
  return rv == CKR_OK ? compare(call, session, &input, signature, signature_len) : rv;
}

CK_RV kg_verify_call_final(struct kg_call *call, CK_SESSION_HANDLE handle, CK_BYTE *signature, CK_ULONG signature_len) {
  struct kg_session *session = NULL;
  CK_RV rv = kg_session_acquire(call, handle, &session);
  if (rv != CKR_OK) return rv;
  rv = final(call, session, signature, signature_len);
  kg_session_release(call, handle);
  return rv;
}
