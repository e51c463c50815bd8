/* A running digest as bytes, for C_GetOperationState and C_SetOperationState. Those of a signature are not saved: the
 * standard lets a token refuse, and nobody asks. */
#ifndef KG_PKCS11_OPERATION_STATE_H
#define KG_PKCS11_OPERATION_STATE_H

#include "pkcs11/operation.h"

#define KG_OPERATION_STATE_MAX 384

/* Version, mechanism and hash state, followed by a checksum. Returns the length; 0: it cannot be saved. */
size_t kg_operation_state_format(const struct kg_operation *operation, unsigned char out[KG_OPERATION_STATE_MAX]);
/* False: damaged, of another version, or of something else. */
KG_MUST_USE bool kg_operation_state_parse(struct kg_span saved, const struct kg_mechanism_limits *limits,
                                          struct kg_operation *out);

#endif
