/* Signing and verifying: kg_key_store_ops.sign and verify. */
#ifndef KG_CORE_KEY_PKCS11_SIGNING_H
#define KG_CORE_KEY_PKCS11_SIGNING_H

#include "core/base/error.h"
#include "core/key/pkcs11/backing.h"
#include "core/key/pkcs11/backing_key.h"

KG_MUST_USE enum kg_status kg_backing_key_sign(struct kg_key *key, const struct kg_sign_params *params,
                                               struct kg_span input, unsigned char *signature, struct kg_error *error);
KG_MUST_USE enum kg_status kg_backing_key_verify(struct kg_key *key, const struct kg_sign_params *params,
                                                 struct kg_span input, struct kg_span signature,
                                                 struct kg_error *error);
/* Whether the token makes a PSS signature with another salt length than the hash's: by making one, if `trial`. */
bool kg_backing_key_takes_any_salt(struct kg_backing_key *key, struct kg_backing *backing, struct kg_lane *lane,
                                   bool trial);

#endif
