/* Slots and the tokens in them: what there is, what it says about itself, what it can do. */
#ifndef KG_PKCS11_CALL_SLOT_MANAGEMENT_H
#define KG_PKCS11_CALL_SLOT_MANAGEMENT_H

#include "pkcs11/slot.h"

CK_RV kg_slot_call_list(struct kg_slots *slots, CK_BBOOL token_present, CK_SLOT_ID *list, CK_ULONG *count);
CK_RV kg_slot_call_info(struct kg_slot *slot, CK_SLOT_INFO *info);
CK_RV kg_slot_call_token_info(struct kg_slot *slot, CK_TOKEN_INFO *info);
CK_RV kg_slot_call_mechanisms(struct kg_slot *slot, CK_MECHANISM_TYPE *list, CK_ULONG *count);
CK_RV kg_slot_call_mechanism_info(struct kg_slot *slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info);
CK_RV kg_slot_call_wait(CK_FLAGS flags, const CK_SLOT_ID *slot, const void *reserved);

#endif
