/* A session: the token it is for, the generation it began with, and its active operations. */
#ifndef KG_PKCS11_SESSION_H
#define KG_PKCS11_SESSION_H

#include "pkcs11/find.h"
#include "pkcs11/generation.h"
#include "pkcs11/operation.h"
#include "pkcs11/slot.h"

struct kg_session {
  struct kg_slot *slot;
  struct kg_generation *generation;
  CK_FLAGS flags;
  int64_t opened_ms;
  atomic_bool told_active; /* CKR_OPERATION_ACTIVE was logged */
  struct kg_mutex mutex;   /* guards what follows; held for moments, never across a key store's work */
  struct kg_operation sign, verify, digest;
  struct kg_find find;
};

void kg_session_free(void *item); /* for the handle table */
int64_t kg_session_age_ms(const struct kg_session *session);

/* CKR_SESSION_HANDLE_INVALID. Every acquired session is released, with its handle. */
CK_RV kg_session_acquire(struct kg_call *call, CK_SESSION_HANDLE handle, struct kg_session **out);
void kg_session_release(struct kg_call *call, CK_SESSION_HANDLE handle);

CK_RV kg_session_call_open(struct kg_call *call, CK_SLOT_ID id, CK_FLAGS flags, CK_SESSION_HANDLE *handle);
CK_RV kg_session_call_close(struct kg_call *call, CK_SESSION_HANDLE handle);
CK_RV kg_session_call_close_all(struct kg_call *call, CK_SLOT_ID id);
CK_RV kg_session_call_info(struct kg_call *call, CK_SESSION_HANDLE handle, CK_SESSION_INFO *info);
CK_RV kg_session_call_cancel(struct kg_call *call, CK_SESSION_HANDLE handle, CK_FLAGS flags);

#endif
