/* C_DigestInit to C_DigestFinal: digests are listed because Java asks for them before it signs with PSS, and Java
 * copies running ones (operation_state.h). */
#ifndef KG_PKCS11_CALL_DIGESTING_H
#define KG_PKCS11_CALL_DIGESTING_H

#include "pkcs11/call.h"
#include "pkcs11/session.h"

CK_RV kg_digest_call_begin(struct kg_call *call, struct kg_session *session, const CK_MECHANISM *mechanism);
/* C_Digest and C_DigestFinal, which has no more data. */
CK_RV kg_digest_call_finish(struct kg_call *call, struct kg_session *session, enum kg_operation_end end,
                            struct kg_span data, CK_BYTE *digest, CK_ULONG *digest_len);

#endif
