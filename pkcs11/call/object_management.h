/* Reading an object's attributes, and the calls that would change objects: a token of ours changes by provisioning. */
#ifndef KG_PKCS11_CALL_OBJECT_MANAGEMENT_H
#define KG_PKCS11_CALL_OBJECT_MANAGEMENT_H

#include "pkcs11/session.h"

CK_RV kg_object_call_get(struct kg_session *session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *wanted, CK_ULONG count);
CK_RV kg_object_call_size(struct kg_session *session, CK_OBJECT_HANDLE object, CK_ULONG *size);
CK_RV kg_object_call_create(const struct kg_session *session, const CK_ATTRIBUTE *attributes, CK_ULONG count,
                            const CK_OBJECT_HANDLE *object);
CK_RV kg_object_call_copy(struct kg_session *session, CK_OBJECT_HANDLE object, const CK_ATTRIBUTE *attributes,
                          CK_ULONG count, const CK_OBJECT_HANDLE *copy);
CK_RV kg_object_call_destroy(struct kg_session *session, CK_OBJECT_HANDLE object);
CK_RV kg_object_call_set(struct kg_session *session, CK_OBJECT_HANDLE object, const CK_ATTRIBUTE *attributes,
                         CK_ULONG count);

#endif
