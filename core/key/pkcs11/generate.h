/* Making and destroying a key, on a read-write session. */
#ifndef KG_CORE_KEY_PKCS11_GENERATE_H
#define KG_CORE_KEY_PKCS11_GENERATE_H

#include "core/base/error.h"
#include "core/key/pkcs11/backing.h"
#include "core/key/pkcs11/backing_key.h"

KG_MUST_USE enum kg_status kg_backing_key_generate(struct kg_backing_key *key, struct kg_backing *backing,
                                                   CK_SESSION_HANDLE session, struct kg_error *error);
KG_MUST_USE enum kg_status kg_backing_key_destroy(struct kg_backing_key *key, struct kg_backing *backing,
                                                  struct kg_lane *lane, struct kg_error *error);

#endif
