/* One active operation of a session: what its Init checked, and the hash so far. It holds nothing of a key store, so
 * it can be left standing, copied and thrown away at any time. */
#ifndef KG_PKCS11_OPERATION_H
#define KG_PKCS11_OPERATION_H

#include "core/base/hash.h"
#include "pkcs11/call.h"
#include "pkcs11/mechanism.h"

struct kg_session;

struct kg_operation { /* {0}: none is active */
  const struct kg_mechanism *mechanism;
  struct kg_sign_params params;
  struct kg_hash_ctx hash; /* where the mechanism hashes */
  bool updated;            /* a part was given: only Final may end it now */
};

/* All take the session's own lock for a moment. `active` is one of the session's operations. */

/* CKR_OPERATION_ACTIVE where one is, which is logged once a session. `fresh` is taken or cleared. */
CK_RV kg_operation_begin(struct kg_call *call, struct kg_session *session, struct kg_operation *active,
                         struct kg_operation *fresh);
void kg_operation_clear(struct kg_operation *operation); /* one that is in no session */
void kg_operation_cancel(struct kg_session *session, struct kg_operation *active);
/* Hashes a part. Single-part mechanisms refuse: CKR_OPERATION_NOT_INITIALIZED; that and any other error end it. */
CK_RV kg_operation_update(struct kg_session *session, struct kg_operation *active, const CK_BYTE *part, CK_ULONG len);

enum kg_operation_end { KG_END_ONCE, KG_END_FINAL }; /* C_Sign and its like, C_SignFinal and its like */

/* Takes the operation out of the session, so that the work is done without a lock: an error and success end it alike.
 */
CK_RV kg_operation_take(struct kg_session *session, struct kg_operation *active, enum kg_operation_end end,
                        struct kg_operation *taken);
/* The same for an operation with output of `size` bytes. A length query or a short buffer is answered here and leaves
 * the operation where it is: then `taken->mechanism` is NULL. */
CK_RV kg_operation_take_for(struct kg_session *session, struct kg_operation *active, enum kg_operation_end end,
                            const CK_BYTE *buffer, CK_ULONG *buffer_len, struct kg_operation *taken);

#endif
