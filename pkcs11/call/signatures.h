/* C_SignInit to C_SignFinal and C_VerifyInit to C_VerifyFinal, which differ in the key that they want and in what they
 * ask it for. */
#ifndef KG_PKCS11_CALL_SIGNATURES_H
#define KG_PKCS11_CALL_SIGNATURES_H

#include "pkcs11/call.h"
#include "pkcs11/session.h"

/* Checks mechanism, parameters and key completely; no mechanism cancels. `kind` is the key's. */
CK_RV kg_signature_call_begin(struct kg_call *call, struct kg_session *session, struct kg_operation *active,
                              const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key, enum kg_object_kind kind);
/* C_Sign and C_SignFinal, C_Verify and C_VerifyFinal: those named Final have no more data. */
CK_RV kg_signature_call_sign(struct kg_call *call, struct kg_session *session, enum kg_operation_end end,
                             struct kg_span data, CK_BYTE *signature, CK_ULONG *signature_len);
CK_RV kg_signature_call_verify(struct kg_call *call, struct kg_session *session, enum kg_operation_end end,
                               struct kg_span data, struct kg_span signature);

#endif
