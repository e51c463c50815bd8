#include "pkcs11/operation.h"

#include "pkcs11/out_buffer.h"

void kg_operation_clear(struct kg_operation *operation) {
  kg_hash_clear(&operation->hash); /* wipes it */
  operation->mechanism = NULL;
  operation->params = (struct kg_sign_params){0};
  operation->updated = false;
}

/* A hash context has one copy that goes on: the other is forgotten, not cleared. */
static void move(struct kg_operation *from, struct kg_operation *to) {
  *to = *from;
  kg_wipe(from, sizeof *from);
}

bool kg_operation_begin(struct kg_operation *active, struct kg_operation *fresh) {
  if (active->mechanism != NULL) return false;
  move(fresh, active);
  return true;
}

static CK_RV update(struct kg_operation *active, const CK_BYTE *part, CK_ULONG len) {
  if (active->mechanism == NULL || active->mechanism->hash == KG_HASH_NONE) return CKR_OPERATION_NOT_INITIALIZED;
  if (part == NULL && len) return CKR_ARGUMENTS_BAD;
  kg_hash_update(&active->hash, kg_span_of(part, len));
  active->updated = true;
  return CKR_OK;
}

CK_RV kg_operation_update(struct kg_operation *active, const CK_BYTE *part, CK_ULONG len) {
  CK_RV rv = update(active, part, len);
  if (rv != CKR_OK) kg_operation_clear(active);
  return rv;
}

/* Is there one that may be ended in this way? */
static CK_RV check_end(const struct kg_operation *active, enum kg_operation_end end) {
  if (active->mechanism == NULL) return CKR_OPERATION_NOT_INITIALIZED;
  if (end == KG_END_ONCE && active->updated) return CKR_OPERATION_NOT_INITIALIZED;
  if (end == KG_END_FINAL && active->mechanism->hash == KG_HASH_NONE) return CKR_OPERATION_NOT_INITIALIZED;
  return CKR_OK;
}

CK_RV kg_operation_take(struct kg_operation *active, enum kg_operation_end end, struct kg_operation *taken) {
  CK_RV rv = check_end(active, end);
  move(active, taken);
  if (rv != CKR_OK) kg_operation_clear(taken);
  return rv;
}

static CK_ULONG output_size(const struct kg_operation *active, size_t signature_size) {
  if (active->mechanism->use == KG_USE_DIGEST) return (CK_ULONG)kg_hash_size(active->mechanism->hash);
  return (CK_ULONG)signature_size;
}

CK_RV kg_operation_take_for(struct kg_operation *active, enum kg_operation_end end, size_t signature_size,
                            const CK_BYTE *buffer, CK_ULONG *buffer_len, struct kg_operation *taken) {
  taken->mechanism = NULL;
  CK_RV rv = check_end(active, end);
  enum kg_out_buffer output = KG_OUT_BAD;
  if (rv == CKR_OK) output = kg_out_buffer_judge(buffer, buffer_len, output_size(active, signature_size), &rv);
  if (output == KG_OUT_WRITE) move(active, taken);
  if (output == KG_OUT_BAD) kg_operation_clear(active);
  return rv;
}
