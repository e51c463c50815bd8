/* The attestation token of docs/protocol.md 5: from the cache, or from the attestation library; or there is none, and
 * then nothing goes on. */
#ifndef KG_PLUGIN_ATTESTATION_H
#define KG_PLUGIN_ATTESTATION_H

#include "core/base/error.h"
#include "plugin/metadata.h"

/* `out`: a JWT. KG_E_ATTESTATION_FAILED with the library's return code and its name, and the last errors it logged. */
KG_MUST_USE enum kg_status kg_attestation_get(const struct kg_acquisition *acquisition,
                                              const struct kg_metadata *metadata, struct kg_buf *out,
                                              struct kg_error *error);
/* The library can be loaded. It is not asked: what it does beyond that is a request to the attestation service. */
KG_MUST_USE enum kg_status kg_attestation_check(const struct kg_plugin_request *request, struct kg_error *error);
/* Drops the cached token of this key and endpoint. */
void kg_attestation_forget(const struct kg_acquisition *acquisition, const struct kg_metadata *metadata);

#endif
