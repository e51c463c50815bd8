/* Tokens that were bought, on disk, for the user who bought them (configuration: token-cache = true). Best effort: what
 * cannot be read is not there, and what cannot be written is logged. */
#ifndef KG_CTL_TOKEN_CACHE_H
#define KG_CTL_TOKEN_CACHE_H

#include "core/state/config.h"
#include "ctl/token_response.h"

/* What a token must have been bought with to be the answer: the same identity, scope, kind, attestation and floor, and
 * the very same certificate (docs/protocol.md 8.6: a renewal of the same key is another one, NET#6117). */
struct kg_token_cache_key {
  const struct kg_config *config;
  const struct kg_identity *identity;
  const struct kg_binding *binding;
  const struct kg_token_request *request;
};

/* False: none, or one that ends within 5 minutes, or is bound to another certificate. Its times are what is left of
 * them;
 * `*refresh_due`: the service wants it replaced by now. kg_token_clear() it. */
bool kg_token_cache_get(const struct kg_token_cache_key *key, int64_t now, struct kg_token *out, bool *refresh_due);
void kg_token_cache_put(const struct kg_token_cache_key *key, int64_t now, const struct kg_token *token);

#endif
