/* One active operation of a session: what its Init checked, and the hash so far. It holds nothing of a key store, so
 * it can be left standing, copied and thrown away at any time. Whoever shares one guards it (session.h). */
#ifndef KG_PKCS11_OPERATION_H
#define KG_PKCS11_OPERATION_H

#include "pkcs11/mechanism.h"

struct kg_operation { /* {0}: none is active */
  const struct kg_mechanism *mechanism;
  struct kg_sign_params params;
  struct kg_hash_ctx hash; /* where the mechanism hashes */
  bool updated;            /* a part was given: only Final may end it now */
};

void kg_operation_clear(struct kg_operation *operation);
/* Moves `fresh` into `active`. False: one is active there, and `fresh` stays what it was. */
KG_MUST_USE bool kg_operation_begin(struct kg_operation *active, struct kg_operation *fresh);
/* Hashes a part. Single-part mechanisms refuse: CKR_OPERATION_NOT_INITIALIZED; that and any other error end it. */
CK_RV kg_operation_update(struct kg_operation *active, const CK_BYTE *part, CK_ULONG len);

enum kg_operation_end { KG_END_ONCE, KG_END_FINAL }; /* C_Sign and its like, C_SignFinal and its like */

/* Moves the operation from `active` to `taken`: an error and success end it alike. */
CK_RV kg_operation_take(struct kg_operation *active, enum kg_operation_end end, struct kg_operation *taken);
/* The same for one with output: a digest, or `signature_size` bytes. A length query or a short buffer is answered here
 * and leaves the operation where it is: then `taken->mechanism` is NULL. */
CK_RV kg_operation_take_for(struct kg_operation *active, enum kg_operation_end end, size_t signature_size,
                            const CK_BYTE *buffer, CK_ULONG *buffer_len, struct kg_operation *taken);

#endif
