#include "pkcs11/call/object_management.h"

CK_RV kg_object_call_get(struct kg_session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *wanted, CK_ULONG count) {
  struct kg_generation *generation = kg_session_find_generation(session, object);
  if (generation == NULL) return CKR_OBJECT_HANDLE_INVALID;
  CK_RV rv = wanted == NULL && count ? CKR_ARGUMENTS_BAD : CKR_OK;
  if (rv == CKR_OK) rv = kg_attributes_get(&kg_objects_find(&generation->objects, object)->attributes, wanted, count);
  kg_generation_unref(&generation);
  return rv;
}

CK_RV kg_object_call_size(struct kg_session *session, CK_OBJECT_HANDLE object, CK_ULONG *size) {
  struct kg_generation *generation = kg_session_find_generation(session, object);
  if (generation == NULL) return CKR_OBJECT_HANDLE_INVALID;
  if (size != NULL) *size = (CK_ULONG)kg_attributes_size(&kg_objects_find(&generation->objects, object)->attributes);
  kg_generation_unref(&generation);
  return size != NULL ? CKR_OK : CKR_ARGUMENTS_BAD;
}

static bool is_token_object(const CK_ATTRIBUTE *attributes, CK_ULONG count) {
  for (CK_ULONG i = 0; i < count; i++)
    if (attributes[i].type == CKA_TOKEN && attributes[i].pValue != NULL && attributes[i].ulValueLen == sizeof(CK_BBOOL))
      return *(const CK_BBOOL *)attributes[i].pValue != CK_FALSE;
  return false;
}

/* Not on this token; and session objects, which it would have to keep for nobody's use, are not there at all. */
CK_RV kg_object_call_create(const struct kg_session *session, const CK_ATTRIBUTE *attributes, CK_ULONG count,
                            const CK_OBJECT_HANDLE *object) {
  if (object == NULL || (attributes == NULL && count)) return CKR_ARGUMENTS_BAD;
  if (is_token_object(attributes, count) && !(session->flags & CKF_RW_SESSION)) return CKR_SESSION_READ_ONLY;
  return CKR_TOKEN_WRITE_PROTECTED;
}

/* All our objects are CKA_COPYABLE, CKA_DESTROYABLE and CKA_MODIFIABLE false, which has its own answer. */
static CK_RV refuse_change(struct kg_session *session, CK_OBJECT_HANDLE object) {
  struct kg_generation *generation = kg_session_find_generation(session, object);
  if (generation == NULL) return CKR_OBJECT_HANDLE_INVALID;
  kg_generation_unref(&generation);
  return session->flags & CKF_RW_SESSION ? CKR_ACTION_PROHIBITED : CKR_SESSION_READ_ONLY;
}

CK_RV kg_object_call_copy(struct kg_session *session, CK_OBJECT_HANDLE object, const CK_ATTRIBUTE *attributes,
                          CK_ULONG count, const CK_OBJECT_HANDLE *copy) {
  if (copy == NULL || (attributes == NULL && count)) return CKR_ARGUMENTS_BAD;
  return refuse_change(session, object);
}

CK_RV kg_object_call_destroy(struct kg_session *session, CK_OBJECT_HANDLE object) {
  return refuse_change(session, object);
}

CK_RV kg_object_call_set(struct kg_session *session, CK_OBJECT_HANDLE object, const CK_ATTRIBUTE *attributes,
                         CK_ULONG count) {
  if (attributes == NULL && count) return CKR_ARGUMENTS_BAD;
  return refuse_change(session, object);
}
