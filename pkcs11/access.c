#include "pkcs11/access.h"

#include "pkcs11/session.h"

/* The session and one of its objects; released with the session. */
static CK_RV acquire_object(struct kg_call *call, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object,
                            struct kg_session **session, const struct kg_object **out) {
  CK_RV rv = kg_session_acquire(call, handle, session);
  if (rv != CKR_OK) return rv;
  *out = kg_objects_find(&(*session)->generation->objects, object);
  if (*out != NULL) return CKR_OK;
  kg_session_release(call, handle);
  return CKR_OBJECT_HANDLE_INVALID;
}

CK_RV kg_access_call_get(struct kg_call *call, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *wanted,
                         CK_ULONG count) {
  struct kg_session *session = NULL;
  const struct kg_object *found = NULL;
  CK_RV rv = acquire_object(call, handle, object, &session, &found);
  if (rv != CKR_OK) return rv;
  rv = wanted == NULL && count ? CKR_ARGUMENTS_BAD : kg_attributes_get(&found->attributes, wanted, count);
  kg_session_release(call, handle);
  return rv;
}

CK_RV kg_access_call_size(struct kg_call *call, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ULONG *size) {
  struct kg_session *session = NULL;
  const struct kg_object *found = NULL;
  CK_RV rv = acquire_object(call, handle, object, &session, &found);
  if (rv != CKR_OK) return rv;
  if (size != NULL)
    *size = (CK_ULONG)kg_attributes_size(&found->attributes);
  else
    rv = CKR_ARGUMENTS_BAD;
  kg_session_release(call, handle);
  return rv;
}

static bool is_token_object(const CK_ATTRIBUTE *attributes, CK_ULONG count) {
  for (CK_ULONG i = 0; i < count; i++)
    if (attributes[i].type == CKA_TOKEN && attributes[i].pValue != NULL && attributes[i].ulValueLen == sizeof(CK_BBOOL))
      return *(const CK_BBOOL *)attributes[i].pValue != CK_FALSE;
  return false;
}

/* Not on this token; and session objects, which it would have to keep for nobody's use, are not there at all. */
static CK_RV refuse_creation(const struct kg_session *session, const CK_ATTRIBUTE *attributes, CK_ULONG count) {
  if (attributes == NULL && count) return CKR_ARGUMENTS_BAD;
  if (is_token_object(attributes, count) && !(session->flags & CKF_RW_SESSION)) return CKR_SESSION_READ_ONLY;
  return CKR_TOKEN_WRITE_PROTECTED;
}

CK_RV kg_access_call_create(struct kg_call *call, CK_SESSION_HANDLE handle, CK_ATTRIBUTE *attributes, CK_ULONG count,
                            CK_OBJECT_HANDLE *object) {
  struct kg_session *session = NULL;
  CK_RV rv = kg_session_acquire(call, handle, &session);
  if (rv != CKR_OK) return rv;
  rv = object != NULL ? refuse_creation(session, attributes, count) : CKR_ARGUMENTS_BAD;
  kg_session_release(call, handle);
  return rv;
}

/* All our objects are CKA_COPYABLE, CKA_DESTROYABLE and CKA_MODIFIABLE false, which has its own answer. */
static CK_RV refuse_change(struct kg_call *call, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object) {
  struct kg_session *session = NULL;
  const struct kg_object *found = NULL;
  CK_RV rv = acquire_object(call, handle, object, &session, &found);
  if (rv != CKR_OK) return rv;
  rv = session->flags & CKF_RW_SESSION ? CKR_ACTION_PROHIBITED : CKR_SESSION_READ_ONLY;
  kg_session_release(call, handle);
  return rv;
}

CK_RV kg_access_call_copy(struct kg_call *call, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object,
                          CK_ATTRIBUTE *attributes, CK_ULONG count, CK_OBJECT_HANDLE *copy) {
  if (copy == NULL || (attributes == NULL && count)) return CKR_ARGUMENTS_BAD;
  return refuse_change(call, handle, object);
}

CK_RV kg_access_call_destroy(struct kg_call *call, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object) {
  return refuse_change(call, handle, object);
}

CK_RV kg_access_call_set(struct kg_call *call, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object,
                         CK_ATTRIBUTE *attributes, CK_ULONG count) {
  if (attributes == NULL && count) return CKR_ARGUMENTS_BAD;
  return refuse_change(call, handle, object);
}
