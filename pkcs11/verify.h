/* C_VerifyInit, C_Verify, C_VerifyUpdate, C_VerifyFinal. */
#ifndef KG_PKCS11_VERIFY_H
#define KG_PKCS11_VERIFY_H

#include "pkcs11/call.h"

CK_RV kg_verify_call_init(struct kg_call *call, CK_SESSION_HANDLE handle, CK_MECHANISM *mechanism,
                          CK_OBJECT_HANDLE key);
CK_RV kg_verify_call_once(struct kg_call *call, CK_SESSION_HANDLE handle, CK_BYTE *data, CK_ULONG data_len,
                          CK_BYTE *signature, CK_ULONG signature_len);
CK_RV kg_verify_call_update(struct kg_call *call, CK_SESSION_HANDLE handle, CK_BYTE *part, CK_ULONG part_len);
CK_RV kg_verify_call_final(struct kg_call *call, CK_SESSION_HANDLE handle, CK_BYTE *signature, CK_ULONG signature_len);

#endif
