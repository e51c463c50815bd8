/* C_GetOperationState and C_SetOperationState. */
#ifndef KG_PKCS11_CALL_STATE_SAVING_H
#define KG_PKCS11_CALL_STATE_SAVING_H

#include "pkcs11/session.h"

CK_RV kg_state_call_get(struct kg_session *session, CK_BYTE *state, CK_ULONG *state_len);
CK_RV kg_state_call_set(struct kg_session *session, const CK_BYTE *state, CK_ULONG state_len,
                        CK_OBJECT_HANDLE encryption_key, CK_OBJECT_HANDLE authentication_key);

#endif
