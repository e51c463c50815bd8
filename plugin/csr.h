/* The PKCS#10 request of docs/protocol.md 4, signed by a key that we cannot see. */
#ifndef KG_PLUGIN_CSR_H
#define KG_PLUGIN_CSR_H

#include "core/base/error.h"
#include "plugin/metadata.h"

/* RSA of exactly 2048 bits (GO/csr.go), rsaEncryption. Else KG_E_KEY_MECHANISM. */
KG_MUST_USE enum kg_status kg_csr_check_key(const struct kg_plugin_key *key, struct kg_error *error);
/* `*out`: the DER in base64 on one line, free() it. KG_E_KEY_DEAD where the key does not sign, or signs as another key
 * would: the request is verified before it is handed out. */
KG_MUST_USE enum kg_status kg_csr_new(const struct kg_plugin_key *key, const struct kg_metadata *metadata, char **out,
                                      struct kg_error *error);

#endif
