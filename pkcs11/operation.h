/* One active operation of a session: what its Init checked, whose key it is for, and the hash so far. It may be left
 * standing and thrown away at any time: whatever is renewed meanwhile, its generation stays until it has ended. Whoever
 * shares one guards it (session.h), and clears it without the lock, as that may close a key: so what ends here is
 * moved out, never cleared in its place. */
#ifndef KG_PKCS11_OPERATION_H
#define KG_PKCS11_OPERATION_H

#include "pkcs11/generation.h"
#include "pkcs11/mechanism.h"

struct kg_operation { /* {0}: none is active */
  const struct kg_mechanism *mechanism;
  struct kg_generation *generation; /* counted: the key's; NULL: a digest */
  struct kg_sign_params params;
  struct kg_hash_ctx hash; /* where the mechanism hashes */
  bool updated;            /* a part was given: only Final may end it now */
};

void kg_operation_clear(struct kg_operation *operation);
/* From `active`, where none is active then, to `moved`, which is overwritten. */
void kg_operation_move(struct kg_operation *active, struct kg_operation *moved);
/* Fills `active`, where none is active, for a signature or its verification. */
void kg_operation_start(struct kg_operation *active, const struct kg_mechanism *mechanism,
                        const struct kg_sign_params *params, struct kg_generation *generation);
/* Moves `fresh` into `active`. False: one is active there, and `fresh` stays what it was. */
KG_MUST_USE bool kg_operation_begin(struct kg_operation *active, struct kg_operation *fresh);
/* Hashes a part. Single-part mechanisms refuse: CKR_OPERATION_NOT_INITIALIZED; that and any other error end it, which
 * is the caller's to do. */
CK_RV kg_operation_update(struct kg_operation *active, const CK_BYTE *part, CK_ULONG len);

enum kg_operation_end { KG_END_ONCE, KG_END_FINAL }; /* C_Sign and its like, C_SignFinal and its like */

/* Moves the operation from `active` to `taken`: an error and success end it alike, and both leave one to clear. */
CK_RV kg_operation_take(struct kg_operation *active, enum kg_operation_end end, struct kg_operation *taken);
/* The same for one with output: a digest, or a signature. A length query or a short buffer is answered here and leaves
 * the operation where it is: then `taken` is none. */
CK_RV kg_operation_take_for(struct kg_operation *active, enum kg_operation_end end, const CK_BYTE *buffer,
                            CK_ULONG *buffer_len, struct kg_operation *taken);

#endif
