/* Logging in to a token, with each wrong PIN tried once. */
#ifndef KG_CORE_KEY_PKCS11_PIN_H
#define KG_CORE_KEY_PKCS11_PIN_H

#include "core/base/error.h"
#include "core/key/pkcs11/backing.h"
#include "core/key/pkcs11/backing_key.h"

/* `user` CKU_USER (nothing is done where somebody is logged in already) or CKU_CONTEXT_SPECIFIC. */
KG_MUST_USE enum kg_status kg_backing_login(struct kg_backing_key *key, struct kg_backing *backing, CK_USER_TYPE user,
                                            CK_SESSION_HANDLE session, const CK_TOKEN_INFO *info,
                                            struct kg_error *error);

#endif
