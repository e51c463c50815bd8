/* Reading an object's attributes, and the calls that would change objects: a token of ours changes by provisioning. */
#ifndef KG_PKCS11_ACCESS_H
#define KG_PKCS11_ACCESS_H

#include "pkcs11/call.h"

CK_RV kg_access_call_get(struct kg_call *call, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *wanted,
                         CK_ULONG count);
CK_RV kg_access_call_size(struct kg_call *call, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object, CK_ULONG *size);
CK_RV kg_access_call_create(struct kg_call *call, CK_SESSION_HANDLE handle, CK_ATTRIBUTE *attributes, CK_ULONG count,
                            CK_OBJECT_HANDLE *object);
CK_RV kg_access_call_copy(struct kg_call *call, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object,
                          CK_ATTRIBUTE *attributes, CK_ULONG count, CK_OBJECT_HANDLE *copy);
CK_RV kg_access_call_destroy(struct kg_call *call, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object);
CK_RV kg_access_call_set(struct kg_call *call, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object,
                         CK_ATTRIBUTE *attributes, CK_ULONG count);

#endif
