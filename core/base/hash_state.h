/* A running hash as bytes, to be taken up again in the same process (PKCS#11 operation state). */
#ifndef KG_CORE_BASE_HASH_STATE_H
#define KG_CORE_BASE_HASH_STATE_H

#include "core/base/hash.h"

bool kg_hash_state_is_supported(void); /* false: the system's hashes cannot be saved (Windows) */
/* Bytes of a saved state of `hash`; 0: none can be saved. */
size_t kg_hash_state_size(enum kg_hash hash);
/* Writes kg_hash_state_size() bytes; `ctx` goes on. */
void kg_hash_state_save(const struct kg_hash_ctx *ctx, unsigned char *out);
/* False, and `ctx` is {0}: not a state of `hash`. What is accepted is safe to go on with, whatever wrote it. */
bool kg_hash_state_load(struct kg_hash_ctx *ctx, enum kg_hash hash, struct kg_span saved);

#endif
