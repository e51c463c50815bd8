#include "pkcs11/call/searching.h"

#include "core/base/log.h"

/* Values of unknown types, NSS's vendor classes among them, are no error: nothing has them. */
static CK_RV check_template(const CK_ATTRIBUTE *wanted, CK_ULONG count) {
  if (wanted == NULL && count) return CKR_ARGUMENTS_BAD;
  for (CK_ULONG i = 0; i < count; i++)
    if (wanted[i].ulValueLen == CK_UNAVAILABLE_INFORMATION || (wanted[i].pValue == NULL && wanted[i].ulValueLen))
      return CKR_ATTRIBUTE_VALUE_INVALID;
  return CKR_OK;
}

/* What a new session would begin with, however old this one is. No token is no error here, so its cause is told at
 * once. */
static struct kg_generation *look(struct kg_call *call, struct kg_session *session) {
  struct kg_generation *shown = kg_slot_obtain_newest(session->slot, &call->error);
  if (shown != NULL || call->error.status == KG_OK) return shown;
  (void)kg_error_prefix(&call->error, call->error.status, "identity %s", call->identity);
  kg_log_error(KG_LOG_ERROR, &call->error);
  kg_error_clear(&call->error);
  return NULL;
}

/* Without a token there is nothing to find: there may be one again at the next search. */
CK_RV kg_find_call_begin(struct kg_call *call, struct kg_session *session, const CK_ATTRIBUTE *wanted, CK_ULONG count,
                         enum kg_find_scope scope) {
  static const struct kg_objects nothing;
  CK_RV rv = check_template(wanted, count);
  if (rv != CKR_OK) return rv;
  struct kg_generation *shown = look(call, session);
  struct kg_find fresh;
  if (kg_find_begin(shown != NULL ? &shown->objects : &nothing, wanted, count, scope, &fresh))
    return kg_session_search(session, &fresh, shown);
  kg_generation_unref(&shown);
  return kg_call_status(call, KG_E_NO_MEMORY);
}

static CK_RV next_locked(struct kg_find *find, CK_OBJECT_HANDLE *objects, CK_ULONG room, CK_ULONG *count) {
  if (!find->active) return CKR_OPERATION_NOT_INITIALIZED;
  if (count == NULL || (objects == NULL && room)) return CKR_ARGUMENTS_BAD;
  *count = (CK_ULONG)kg_find_next(find, objects, room);
  return CKR_OK;
}

CK_RV kg_find_call_next(struct kg_session *session, CK_OBJECT_HANDLE *objects, CK_ULONG room, CK_ULONG *count) {
  kg_mutex_lock(&session->mutex);
  CK_RV rv = next_locked(&session->find, objects, room, count);
  kg_mutex_unlock(&session->mutex);
  return rv;
}

CK_RV kg_find_call_end(struct kg_session *session) {
  kg_mutex_lock(&session->mutex);
  CK_RV rv = session->find.active ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
  kg_find_clear(&session->find);
  kg_mutex_unlock(&session->mutex);
  return rv;
}
