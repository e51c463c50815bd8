/* What the token in a slot says about itself. */
#ifndef KG_PKCS11_TOKEN_H
#define KG_PKCS11_TOKEN_H

#include "pkcs11/call.h"

CK_RV kg_token_call_info(struct kg_call *call, CK_SLOT_ID id, CK_TOKEN_INFO *info);
CK_RV kg_token_call_mechanisms(struct kg_call *call, CK_SLOT_ID id, CK_MECHANISM_TYPE *list, CK_ULONG *count);
CK_RV kg_token_call_mechanism(struct kg_call *call, CK_SLOT_ID id, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info);

#endif
