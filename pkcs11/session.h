/* A session: the token it is for, what it knows of it, and its active operations. It begins with the generation that is
 * shown when it is opened, and every search moves it on to what is shown then. */
#ifndef KG_PKCS11_SESSION_H
#define KG_PKCS11_SESSION_H

#include "core/base/error.h"
#include "pkcs11/find.h"
#include "pkcs11/handle.h"
#include "pkcs11/operation.h"
#include "pkcs11/slot.h"
#include "pkcs11/view.h"

struct kg_session {
  struct kg_slot *slot;
  CK_FLAGS flags;
  int64_t opened_ms;
  atomic_bool told_active; /* CKR_OPERATION_ACTIVE was logged */
  struct kg_mutex mutex;   /* guards what follows; held for moments, never across a key store's work */
  struct kg_view view;     /* what was searched last, and before that; its `now` is never NULL */
  struct kg_operation sign, verify, digest;
  struct kg_find find;
};

void kg_session_free(void *item); /* for the handle table */

/* Takes `generation`. CKR_HOST_MEMORY, CKR_SESSION_COUNT. */
CK_RV kg_session_open(struct kg_handles *sessions, struct kg_slot *slot, struct kg_generation *generation,
                      CK_FLAGS flags, CK_SESSION_HANDLE *handle);
/* Those who are using the session go on; the handle is unknown from here. CKR_SESSION_HANDLE_INVALID: it was already.
 */
CK_RV kg_session_close(struct kg_handles *sessions, CK_SESSION_HANDLE handle, const struct kg_session *session);
void kg_session_close_all(struct kg_handles *sessions, const struct kg_slot *slot);
CK_STATE kg_session_state(const struct kg_session *session);

/* The generation that a handle is of, counted: one that the session knows, else one that its slot does, as handles are
 * found in one session and used in another. NULL: it is nobody's. */
struct kg_generation *kg_session_find_generation(struct kg_session *session, CK_OBJECT_HANDLE handle);
/* A search that has begun in `shown`, which is taken and may be NULL. CKR_OPERATION_ACTIVE where one is under way: then
 * `fresh` is cleared, and the session knows what it knew. */
CK_RV kg_session_search(struct kg_session *session, struct kg_find *fresh, struct kg_generation *shown);
void kg_session_limits(struct kg_session *session, struct kg_mechanism_limits *out);

/* What operation.h says, under the session's own lock, which is held for that moment: the work of a taken operation is
 * done without one. `active` is one of the session's operations. */

/* CKR_OPERATION_ACTIVE where one is, which is explained once a session. `fresh` is taken or cleared. */
CK_RV kg_session_begin(struct kg_session *session, struct kg_operation *active, struct kg_operation *fresh,
                       struct kg_error *error);
void kg_session_cancel(struct kg_session *session, struct kg_operation *active);
/* Of CKR_OPERATION_ACTIVE; told once a session: hosts that leave operations behind do so at every connection. */
void kg_session_explain_active(struct kg_session *session, struct kg_error *error);
CK_RV kg_session_update(struct kg_session *session, struct kg_operation *active, const CK_BYTE *part, CK_ULONG len);
CK_RV kg_session_take(struct kg_session *session, struct kg_operation *active, enum kg_operation_end end,
                      struct kg_operation *taken);
CK_RV kg_session_take_for(struct kg_session *session, struct kg_operation *active, enum kg_operation_end end,
                          const CK_BYTE *buffer, CK_ULONG *buffer_len, struct kg_operation *taken);

#endif
