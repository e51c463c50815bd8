/* C_DigestInit to C_DigestFinal, and the operation state that goes with them: digests are listed because Java asks for
 * them before it signs with PSS, and Java copies running ones. */
#ifndef KG_PKCS11_DIGEST_H
#define KG_PKCS11_DIGEST_H

#include "pkcs11/call.h"

CK_RV kg_digest_call_init(struct kg_call *call, CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism);
CK_RV kg_digest_call_once(struct kg_call *call, CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_len,
                          CK_BYTE *digest, CK_ULONG *digest_len);
CK_RV kg_digest_call_update(struct kg_call *call, CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_len);
CK_RV kg_digest_call_final(struct kg_call *call, CK_SESSION_HANDLE handle, CK_BYTE *digest, CK_ULONG *digest_len);

#endif
