/* SHA-2 (and SHA-1 for key identifiers): nettle, which has no global state, so a guest library may use it; BCrypt on
 * Windows. A context may be moved, but only one copy of it goes on. */
#ifndef KG_CORE_BASE_HASH_H
#define KG_CORE_BASE_HASH_H

#include "core/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum kg_hash { KG_HASH_NONE = 0, KG_HASH_SHA1, KG_HASH_SHA256, KG_HASH_SHA384, KG_HASH_SHA512 };

#define KG_HASH_MAX_SIZE 64

struct kg_hash_ctx {
  enum kg_hash hash;
  union {
    uint64_t align;
    unsigned char bytes[256];
  } state;
};

size_t kg_hash_size(enum kg_hash hash);      /* digest size in bytes; 0 for KG_HASH_NONE */
const char *kg_hash_name(enum kg_hash hash); /* "SHA256" */
void kg_hash_init(struct kg_hash_ctx *ctx, enum kg_hash hash);
void kg_hash_update(struct kg_hash_ctx *ctx, struct kg_span data);
/* Writes kg_hash_size() bytes and clears `ctx`. False, with a digest of zeros: the system could not hash (Windows only,
 * out of memory at any step since init). */
bool kg_hash_final(struct kg_hash_ctx *ctx, unsigned char *digest);
bool kg_hash_once(enum kg_hash hash, struct kg_span data, unsigned char *digest);
void kg_hash_clear(struct kg_hash_ctx *ctx); /* one that is given up before its end; safe on {0} and twice */

#endif
