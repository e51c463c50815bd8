/* C_GetOperationState and C_SetOperationState: a running digest as bytes. Those of a signature are not saved: the
 * standard lets a token refuse, and nobody asks. */
#ifndef KG_PKCS11_STATE_H
#define KG_PKCS11_STATE_H

#include "pkcs11/call.h"
#include "pkcs11/operation.h"

#define KG_STATE_MAX 384

/* Version, mechanism and hash state, followed by a checksum. Returns the length; 0: it cannot be saved. */
size_t kg_state_format(const struct kg_operation *operation, unsigned char out[KG_STATE_MAX]);
/* False: damaged, of another version, or of something else. */
KG_MUST_USE bool kg_state_parse(struct kg_span saved, const struct kg_mechanism_limits *limits,
                                struct kg_operation *out);

CK_RV kg_state_call_get(struct kg_call *call, CK_SESSION_HANDLE handle, CK_BYTE *state, CK_ULONG *state_len);
CK_RV kg_state_call_set(struct kg_call *call, CK_SESSION_HANDLE handle, CK_BYTE *state, CK_ULONG state_len,
                        CK_OBJECT_HANDLE encryption_key, CK_OBJECT_HANDLE authentication_key);

#endif
