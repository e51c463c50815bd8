/* What signing and verifying have in common. */
#ifndef KG_PKCS11_SIGNATURE_H
#define KG_PKCS11_SIGNATURE_H

#include "pkcs11/session.h"

/* Checks mechanism, parameters and key of an Init, completely; `kind` is the key's. */
CK_RV kg_signature_prepare(const struct kg_session *session, const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                           enum kg_object_kind kind, struct kg_operation *out);

struct kg_signature_input { /* what a key store is asked about */
  struct kg_sign_params params;
  unsigned char digest[KG_HASH_MAX_SIZE];
  struct kg_span span; /* of `digest`, or of the caller's data */
};

/* From all of the data at once, or from what an operation has hashed. Both use up the operation's hash. */
CK_RV kg_signature_input_once(struct kg_call *call, const struct kg_session *session, struct kg_operation *operation,
                              const CK_BYTE *data, CK_ULONG len, struct kg_signature_input *out);
CK_RV kg_signature_input_final(struct kg_call *call, struct kg_operation *operation, struct kg_signature_input *out);

#endif
