/* What can be seen of an attestation token without its issuer's keys: form, life, key. */
#ifndef KG_PLUGIN_ATTESTATION_TOKEN_H
#define KG_PLUGIN_ATTESTATION_TOKEN_H

#include "core/base/buf.h"
#include "core/base/error.h"

#include <stdint.h>

/* Three base64url parts, not expired, not from the future, and not for another key where it names one; else
 * KG_E_ATTESTATION_FAILED. `*expires` 0: it does not say, or cannot be read. */
KG_MUST_USE enum kg_status kg_attestation_token_check(struct kg_span token, struct kg_span public_key_info, int64_t now,
                                                      int64_t *expires, struct kg_error *error);

#endif
