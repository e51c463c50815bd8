#include "pkcs11/call/object_management.h"

CK_RV kg_object_call_get(const struct kg_session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *wanted,
                         CK_ULONG count) {
  const struct kg_object *found = kg_objects_find(&session->generation->objects, object);
  if (found == NULL) return CKR_OBJECT_HANDLE_INVALID;
  return wanted == NULL && count ? CKR_ARGUMENTS_BAD : kg_attributes_get(&found->attributes, wanted, count);
}

CK_RV kg_object_call_size(const struct kg_session *session, CK_OBJECT_HANDLE object, CK_ULONG *size) {
  const struct kg_object *found = kg_objects_find(&session->generation->objects, object);
  if (found == NULL) return CKR_OBJECT_HANDLE_INVALID;
  if (size == NULL) return CKR_ARGUMENTS_BAD;
  *size = (CK_ULONG)kg_attributes_size(&found->attributes);
  return CKR_OK;
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
static CK_RV refuse_change(const struct kg_session *session, CK_OBJECT_HANDLE object) {
  if (kg_objects_find(&session->generation->objects, object) == NULL) return CKR_OBJECT_HANDLE_INVALID;
  return session->flags & CKF_RW_SESSION ? CKR_ACTION_PROHIBITED : CKR_SESSION_READ_ONLY;
}

CK_RV kg_object_call_copy(const struct kg_session *session, CK_OBJECT_HANDLE object, const CK_ATTRIBUTE *attributes,
                          CK_ULONG count, const CK_OBJECT_HANDLE *copy) {
  if (copy == NULL || (attributes == NULL && count)) return CKR_ARGUMENTS_BAD;
  return refuse_change(session, object);
}

CK_RV kg_object_call_destroy(const struct kg_session *session, CK_OBJECT_HANDLE object) {
  return refuse_change(session, object);
}

CK_RV kg_object_call_set(const struct kg_session *session, CK_OBJECT_HANDLE object, const CK_ATTRIBUTE *attributes,
                         CK_ULONG count) {
  if (attributes == NULL && count) return CKR_ARGUMENTS_BAD;
  return refuse_change(session, object);
}
