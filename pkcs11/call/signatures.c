#include "pkcs11/call/signatures.h"

#include <string.h>

static CK_RV check_key(const struct kg_session *session, CK_OBJECT_HANDLE key, enum kg_object_kind kind) {
  const struct kg_object *object = kg_objects_find(&session->generation->objects, key);
  if (object == NULL) return CKR_KEY_HANDLE_INVALID;
  if (object->kind == kind) return CKR_OK;
  if (object->kind == KG_OBJECT_PRIVATE_KEY || object->kind == KG_OBJECT_PUBLIC_KEY)
    return CKR_KEY_FUNCTION_NOT_PERMITTED;
  return CKR_KEY_HANDLE_INVALID;
}

static CK_RV check_verify(const struct kg_mechanism_limits *limits, enum kg_object_kind kind) {
  if (kind == KG_OBJECT_PUBLIC_KEY && !(limits->capabilities & KG_CAN_VERIFY)) return CKR_MECHANISM_INVALID;
  return CKR_OK;
}

static CK_RV prepare(const struct kg_session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                     enum kg_object_kind kind, struct kg_operation *out) {
  const struct kg_mechanism_limits *limits = &session->generation->limits;
  const struct kg_mechanism *row = kg_mechanism_find(mechanism->mechanism, limits);
  CK_RV rv = row != NULL && row->use == KG_USE_SIGN ? check_verify(limits, kind) : CKR_MECHANISM_INVALID;
  memset(out, 0, sizeof *out);
  if (rv == CKR_OK) rv = check_key(session, key, kind);
  if (rv == CKR_OK) rv = kg_mechanism_read_params(row, limits, mechanism, &out->params);
  if (rv != CKR_OK) return rv;
  if (row->hash != KG_HASH_NONE) kg_hash_init(&out->hash, row->hash);
  out->mechanism = row;
  return CKR_OK;
}

CK_RV kg_signature_call_begin(struct kg_call *call, struct kg_session *session, struct kg_operation *active,
                              const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, enum kg_object_kind kind) {
  if (mechanism == NULL) { /* PKCS#11 3.0 section 5.13.1: cancels */
    kg_session_cancel(session, active);
    return CKR_OK;
  }
  struct kg_operation fresh;
  CK_RV rv = prepare(session, mechanism, key, kind, &fresh);
  return rv == CKR_OK ? kg_session_begin(session, active, &fresh, &call->error) : rv;
}

struct input { /* what a key store is asked about */
  struct kg_sign_params params;
  unsigned char digest[KG_HASH_MAX_SIZE];
  struct kg_span span; /* of `digest`, or of the caller's data */
};

/* From the rest of the data (none for a Final), behind what the operation has hashed; uses up its hash. */
static CK_RV read_input(struct kg_call *call, struct kg_operation *operation, struct kg_span rest, struct input *out) {
  if (rest.data == NULL && rest.len > 0) return CKR_ARGUMENTS_BAD;
  out->params = operation->params;
  out->span = rest;
  if (operation->mechanism->hash == KG_HASH_NONE) return CKR_OK;
  kg_hash_update(&operation->hash, rest);
  out->span = kg_span_of(out->digest, kg_hash_size(operation->params.hash));
  return kg_hash_final(&operation->hash, out->digest) ? CKR_OK : kg_call_status(call, KG_E_NO_MEMORY);
}

static enum kg_status get_key(struct kg_call *call, const struct kg_session *session, struct kg_key **out) {
  const struct kg_generation *generation = session->generation;
  return kg_lazy_key_get(generation->key, generation->binding, out, &call->error);
}

static CK_RV produce(struct kg_call *call, const struct kg_session *session, const struct input *input,
                     CK_BYTE *signature) {
  struct kg_key *key = NULL;
  enum kg_status status = get_key(call, session, &key);
  if (status == KG_OK) status = kg_key_sign(key, &input->params, input->span, signature, &call->error);
  return kg_call_status(call, status);
}

CK_RV kg_signature_call_sign(struct kg_call *call, struct kg_session *session, enum kg_operation_end end,
                             struct kg_span data, CK_BYTE *signature, CK_ULONG *signature_len) {
  struct kg_operation taken;
  CK_RV rv = kg_session_take_for(session, &session->sign, end, signature, signature_len, &taken);
  if (rv != CKR_OK || taken.mechanism == NULL) return rv;
  struct input input;
  rv = read_input(call, &taken, data, &input);
  if (rv == CKR_OK) rv = produce(call, session, &input, signature);
  kg_operation_clear(&taken);
  return rv;
}

static CK_RV compare(struct kg_call *call, const struct kg_session *session, const struct input *input,
                     struct kg_span signature) {
  if (signature.data == NULL) return CKR_ARGUMENTS_BAD;
  if (signature.len != kg_generation_signature_size(session->generation)) return CKR_SIGNATURE_LEN_RANGE;
  struct kg_key *key = NULL;
  enum kg_status status = get_key(call, session, &key);
  if (status == KG_OK) status = kg_key_verify(key, &input->params, input->span, signature, &call->error);
  return kg_call_status(call, status);
}

CK_RV kg_signature_call_verify(struct kg_call *call, struct kg_session *session, enum kg_operation_end end,
                               struct kg_span data, struct kg_span signature) {
  struct kg_operation taken;
  CK_RV rv = kg_session_take(session, &session->verify, end, &taken);
  if (rv != CKR_OK) return rv;
  struct input input;
  rv = read_input(call, &taken, data, &input);
  if (rv == CKR_OK) rv = compare(call, session, &input, signature);
  kg_operation_clear(&taken);
  return rv;
}
