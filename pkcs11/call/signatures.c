#include "pkcs11/call/signatures.h"

#include <string.h>

struct request { /* what an Init asks for */
  const CK_MECHANISM *mechanism;
  CK_OBJECT_HANDLE key;
  enum kg_object_kind kind;
};

static CK_RV check_key(const struct kg_object *object, enum kg_object_kind kind) {
  if (object->kind == kind) return CKR_OK;
  if (object->kind == KG_OBJECT_PRIVATE_KEY || object->kind == KG_OBJECT_PUBLIC_KEY)
    return CKR_KEY_FUNCTION_NOT_PERMITTED;
  return CKR_KEY_HANDLE_INVALID;
}

static CK_RV check_verify(const struct kg_mechanism_limits *limits, enum kg_object_kind kind) {
  if (kind == KG_OBJECT_PUBLIC_KEY && !(limits->capabilities & KG_CAN_VERIFY)) return CKR_MECHANISM_INVALID;
  return CKR_OK;
}

/* In the generation that the key's handle is of, whose key may be another than that of today. */
static CK_RV begin_locked(const struct kg_view *view, const struct request *request, struct kg_operation *active) {
  struct kg_generation *generation = NULL;
  const struct kg_object *object = kg_view_find(view, request->key, &generation);
  if (object == NULL) return CKR_KEY_HANDLE_INVALID;
  const struct kg_mechanism_limits *limits = &generation->limits;
  const struct kg_mechanism *row = kg_mechanism_find(request->mechanism->mechanism, limits);
  CK_RV rv = row != NULL && row->use == KG_USE_SIGN ? check_verify(limits, request->kind) : CKR_MECHANISM_INVALID;
  if (rv == CKR_OK) rv = check_key(object, request->kind);
  struct kg_sign_params params;
  if (rv == CKR_OK) rv = kg_mechanism_read_params(row, limits, request->mechanism, &params);
  if (rv == CKR_OK && active->mechanism != NULL) rv = CKR_OPERATION_ACTIVE;
  if (rv == CKR_OK) kg_operation_start(active, row, &params, generation);
  return rv;
}

/* With a handle that another session found, which this one does not know. */
static CK_RV begin_in_slot(struct kg_session *session, const struct request *request, struct kg_operation *active) {
  struct kg_view view = {.now = kg_refresh_find(&session->slot->refresh, request->key)};
  kg_mutex_lock(&session->mutex);
  CK_RV rv = begin_locked(&view, request, active);
  kg_mutex_unlock(&session->mutex);
  kg_view_clear(&view);
  return rv;
}

CK_RV kg_signature_call_begin(struct kg_call *call, struct kg_session *session, struct kg_operation *active,
                              const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, enum kg_object_kind kind) {
  if (mechanism == NULL) { /* PKCS#11 3.0 section 5.13.1: cancels */
    kg_session_cancel(session, active);
    return CKR_OK;
  }
  const struct request request = {mechanism, key, kind};
  kg_mutex_lock(&session->mutex);
  CK_RV rv = begin_locked(&session->view, &request, active);
  kg_mutex_unlock(&session->mutex);
  if (rv == CKR_KEY_HANDLE_INVALID) rv = begin_in_slot(session, &request, active);
  if (rv == CKR_OPERATION_ACTIVE) kg_session_explain_active(session, &call->error);
  return rv;
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

static enum kg_status get_key(struct kg_call *call, const struct kg_generation *generation, struct kg_key **out) {
  return kg_lazy_key_get(generation->key, generation->binding, out, &call->error);
}

static CK_RV produce(struct kg_call *call, const struct kg_generation *generation, const struct input *input,
                     CK_BYTE *signature) {
  struct kg_key *key = NULL;
  enum kg_status status = get_key(call, generation, &key);
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
  if (rv == CKR_OK) rv = produce(call, taken.generation, &input, signature);
  kg_operation_clear(&taken);
  return rv;
}

static CK_RV compare(struct kg_call *call, const struct kg_generation *generation, const struct input *input,
                     struct kg_span signature) {
  if (signature.data == NULL) return CKR_ARGUMENTS_BAD;
  if (signature.len != kg_generation_signature_size(generation)) return CKR_SIGNATURE_LEN_RANGE;
  struct kg_key *key = NULL;
  enum kg_status status = get_key(call, generation, &key);
  if (status == KG_OK) status = kg_key_verify(key, &input->params, input->span, signature, &call->error);
  CK_RV rv = kg_call_status(call, status);
  return rv == CKR_FUNCTION_REJECTED ? CKR_FUNCTION_FAILED : rv; /* a code for signatures alone: sections 5.13, 5.15 */
}

CK_RV kg_signature_call_verify(struct kg_call *call, struct kg_session *session, enum kg_operation_end end,
                               struct kg_span data, struct kg_span signature) {
  struct kg_operation taken;
  CK_RV rv = kg_session_take(session, &session->verify, end, &taken);
  if (rv != CKR_OK) return rv;
  struct input input;
  rv = read_input(call, &taken, data, &input);
  if (rv == CKR_OK) rv = compare(call, taken.generation, &input, signature);
  kg_operation_clear(&taken);
  return rv;
}
