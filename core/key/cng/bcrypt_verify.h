/* RSA verification in software, by BCrypt. */
#ifndef KG_CORE_KEY_CNG_BCRYPT_VERIFY_H
#define KG_CORE_KEY_CNG_BCRYPT_VERIFY_H

#include "core/base/error.h"
#include "core/key/info.h"

/* `public_blob` is a BCRYPT_RSAPUBLIC_BLOB. KG_E_SIGNATURE where the signature does not match. */
KG_MUST_USE enum kg_status kg_cng_verify(struct kg_span public_blob, const struct kg_sign_params *params,
                                         struct kg_span digest, struct kg_span signature, struct kg_error *error);

#endif
