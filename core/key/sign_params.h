/* The one judge of what is asked of a key, before anything reaches a store. Pure. `bits` are the key's, a multiple of
 * 8; `capabilities` (KG_CAN_*) come from the key, or from the binding where it need not be opened yet. */
#ifndef KG_CORE_KEY_SIGN_PARAMS_H
#define KG_CORE_KEY_SIGN_PARAMS_H

#include "core/base/error.h"
#include "core/key/info.h"

/* Padding, hash and salt. KG_E_KEY_MECHANISM. */
KG_MUST_USE enum kg_status kg_sign_params_check(const struct kg_sign_params *params, unsigned capabilities,
                                                unsigned bits, struct kg_error *error);
/* The input, for parameters that were checked: a digest of its hash's length; with KG_HASH_NONE at most bits / 8 - 11
 * bytes, and where the key does not take any input a DigestInfo, which is taken apart: `*params` and `*input` are then
 * its hash and its digest, as if they had been named. KG_E_KEY_INPUT; KG_E_KEY_DATA for what is no DigestInfo. */
KG_MUST_USE enum kg_status kg_sign_params_take_input(struct kg_sign_params *params, struct kg_span *input,
                                                     unsigned capabilities, unsigned bits, struct kg_error *error);

#endif
