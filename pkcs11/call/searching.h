/* C_FindObjectsInit, C_FindObjects, C_FindObjectsFinal. */
#ifndef KG_PKCS11_CALL_SEARCHING_H
#define KG_PKCS11_CALL_SEARCHING_H

#include "pkcs11/call.h"
#include "pkcs11/session.h"

CK_RV kg_find_call_begin(struct kg_call *call, struct kg_session *session, const CK_ATTRIBUTE *wanted, CK_ULONG count,
                         enum kg_find_scope scope);
CK_RV kg_find_call_next(struct kg_session *session, CK_OBJECT_HANDLE *objects, CK_ULONG room, CK_ULONG *count);
CK_RV kg_find_call_end(struct kg_session *session);

#endif
