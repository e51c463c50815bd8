/* Attestation tokens of this process, by endpoint and key: by the key itself and not by its name, since a name outlives
 * the key it named (GO/attestation.go). */
#ifndef KG_PLUGIN_ATTESTATION_CACHE_H
#define KG_PLUGIN_ATTESTATION_CACHE_H

#include "core/base/buf.h"

#include <stdint.h>

struct kg_attestation_id {
  const char *endpoint;  /* as kg_endpoint_check() gives it: lower case, no trailing slash */
  unsigned char key[32]; /* SHA-256 of the SubjectPublicKeyInfo */
};

/* False: none, or it ends within 5 minutes. */
bool kg_attestation_cache_get(const struct kg_attestation_id *id, int64_t now, struct kg_buf *token);
void kg_attestation_cache_put(const struct kg_attestation_id *id, struct kg_span token, int64_t expires);
void kg_attestation_cache_drop(const struct kg_attestation_id *id);

#endif
