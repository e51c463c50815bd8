#include "pkcs11/operation.h"

#include "pkcs11/out_buffer.h"

void kg_operation_clear(struct kg_operation *operation) {
  kg_hash_clear(&operation->hash); /* wipes it */
  kg_generation_unref(&operation->generation);
  operation->mechanism = NULL;
  operation->params = (struct kg_sign_params){0};
  operation->updated = false;
}

/* A hash context has one copy that goes on: the other is forgotten, not cleared. */
void kg_operation_move(struct kg_operation *active, struct kg_operation *moved) {
  *moved = *active;
  kg_wipe(active, sizeof *active);
}

void kg_operation_start(struct kg_operation *active, const struct kg_mechanism *mechanism,
                        const struct kg_sign_params *params, struct kg_generation *generation) {
  active->mechanism = mechanism;
  active->generation = kg_generation_ref(generation);
  active->params = *params;
  if (mechanism->hash != KG_HASH_NONE) kg_hash_init(&active->hash, mechanism->hash);
}

bool kg_operation_begin(struct kg_operation *active, struct kg_operation *fresh) {
  if (active->mechanism != NULL) return false;
  kg_operation_move(fresh, active);
  return true;
}

CK_RV kg_operation_update(struct kg_operation *active, const CK_BYTE *part, CK_ULONG len) {
  if (active->mechanism == NULL || active->mechanism->hash == KG_HASH_NONE) return CKR_OPERATION_NOT_INITIALIZED;
  if (part == NULL && len) return CKR_ARGUMENTS_BAD;
  kg_hash_update(&active->hash, kg_span_of(part, len));
  active->updated = true;
  return CKR_OK;
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
  kg_operation_move(active, taken);
  return rv;
}

static CK_ULONG output_size(const struct kg_operation *active) {
  if (active->generation == NULL) return (CK_ULONG)kg_hash_size(active->mechanism->hash);
  return (CK_ULONG)kg_generation_signature_size(active->generation);
}

CK_RV kg_operation_take_for(struct kg_operation *active, enum kg_operation_end end, const CK_BYTE *buffer,
                            CK_ULONG *buffer_len, struct kg_operation *taken) {
  taken->mechanism = NULL;
  taken->generation = NULL;
  CK_RV rv = check_end(active, end);
  enum kg_out_buffer output = KG_OUT_BAD;
  if (rv == CKR_OK) output = kg_out_buffer_judge(buffer, buffer_len, output_size(active), &rv);
  if (output != KG_OUT_ANSWERED) kg_operation_move(active, taken);
  return rv;
}
