#include "pkcs11/signature.h"

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

CK_RV kg_signature_prepare(const struct kg_session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
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

CK_RV kg_signature_input_once(struct kg_call *call, const struct kg_session *session, struct kg_operation *operation,
                              const CK_BYTE *data, CK_ULONG len, struct kg_signature_input *out) {
  struct kg_span input = kg_span_of(data, len);
  if (data == NULL && len) return CKR_ARGUMENTS_BAD;
  if (operation->mechanism->hash != KG_HASH_NONE) {
    kg_hash_update(&operation->hash, input);
    return kg_signature_input_final(call, operation, out);
  }
  out->params = operation->params;
  return kg_mechanism_read_input(&session->generation->limits, input, &out->params, &out->span);
}

CK_RV kg_signature_input_final(struct kg_call *call, struct kg_operation *operation, struct kg_signature_input *out) {
  out->params = operation->params;
  out->span = kg_span_of(out->digest, kg_hash_size(operation->params.hash));
  return kg_hash_final(&operation->hash, out->digest) ? CKR_OK : kg_call_status(call, KG_E_NO_MEMORY);
}
