#include "pkcs11/find.h"

#include "pkcs11/session.h"

#include <stdlib.h>
#include <string.h>

bool kg_find_begin(const struct kg_objects *objects, const CK_ATTRIBUTE *wanted, CK_ULONG count, struct kg_find *out) {
  memset(out, 0, sizeof *out);
  out->handles = calloc(objects->count + 1, sizeof out->handles[0]);
  if (out->handles == NULL) return false;
  for (size_t i = 0; i < objects->count; i++)
    if (kg_attributes_match(&objects->items[i].attributes, wanted, count))
      out->handles[out->count++] = objects->items[i].handle;
  out->active = true;
  return true;
}

size_t kg_find_next(struct kg_find *find, CK_OBJECT_HANDLE *out, size_t room) {
  size_t left = find->count - find->position, count = left < room ? left : room;
  if (count) memcpy(out, find->handles + find->position, count * sizeof *out);
  find->position += count;
  return count;
}

void kg_find_clear(struct kg_find *find) {
  free(find->handles);
  memset(find, 0, sizeof *find);
}

void kg_find_cancel(struct kg_session *session) {
  kg_mutex_lock(&session->mutex);
  kg_find_clear(&session->find);
  kg_mutex_unlock(&session->mutex);
}

/* Values of unknown types, NSS's vendor classes among them, are no error: nothing has them. */
static CK_RV check_template(const CK_ATTRIBUTE *wanted, CK_ULONG count) {
  if (wanted == NULL && count) return CKR_ARGUMENTS_BAD;
  for (CK_ULONG i = 0; i < count; i++)
    if (wanted[i].ulValueLen == CK_UNAVAILABLE_INFORMATION || (wanted[i].pValue == NULL && wanted[i].ulValueLen))
      return CKR_ATTRIBUTE_VALUE_INVALID;
  return CKR_OK;
}

static CK_RV install(struct kg_session *session, struct kg_find *fresh) {
  kg_mutex_lock(&session->mutex);
  CK_RV rv = CKR_OK;
  if (session->find.active)
    rv = CKR_OPERATION_ACTIVE;
  else
    session->find = *fresh;
  kg_mutex_unlock(&session->mutex);
  if (rv != CKR_OK) kg_find_clear(fresh);
  return rv;
}

CK_RV kg_find_call_init(struct kg_call *call, CK_SESSION_HANDLE handle, CK_ATTRIBUTE *wanted, CK_ULONG count) {
  struct kg_session *session = NULL;
  CK_RV rv = kg_session_acquire(call, handle, &session);
  if (rv != CKR_OK) return rv;
  rv = check_template(wanted, count);
  struct kg_find fresh = {0};
  if (rv == CKR_OK && !kg_find_begin(&session->generation->objects, wanted, count, &fresh))
    rv = kg_call_status(call, KG_E_NO_MEMORY);
  if (rv == CKR_OK) rv = install(session, &fresh);
  kg_session_release(call, handle);
  return rv;
}

static CK_RV next_locked(struct kg_find *find, CK_OBJECT_HANDLE *objects, CK_ULONG room, CK_ULONG *count) {
  if (!find->active) return CKR_OPERATION_NOT_INITIALIZED;
  if (count == NULL || (objects == NULL && room)) return CKR_ARGUMENTS_BAD;
  *count = (CK_ULONG)kg_find_next(find, objects, room);
  return CKR_OK;
}

CK_RV kg_find_call_next(struct kg_call *call, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE *objects, CK_ULONG room,
                        CK_ULONG *count) {
  struct kg_session *session = NULL;
  CK_RV rv = kg_session_acquire(call, handle, &session);
  if (rv != CKR_OK) return rv;
  kg_mutex_lock(&session->mutex);
  rv = next_locked(&session->find, objects, room, count);
  kg_mutex_unlock(&session->mutex);
  kg_session_release(call, handle);
  return rv;
}

CK_RV kg_find_call_final(struct kg_call *call, CK_SESSION_HANDLE handle) {
  struct kg_session *session = NULL;
  CK_RV rv = kg_session_acquire(call, handle, &session);
  if (rv != CKR_OK) return rv;
  kg_mutex_lock(&session->mutex);
  if (!session->find.active) rv = CKR_OPERATION_NOT_INITIALIZED;
  kg_find_clear(&session->find);
  kg_mutex_unlock(&session->mutex);
  kg_session_release(call, handle);
  return rv;
}
