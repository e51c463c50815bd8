#include "core/base/hash_state.h"

#include <nettle/sha2.h>
#include <string.h>

/* nettle's contexts are plain memory, so a saved state is a copy of one; only the fill of the block needs a look before
 * it is used as an index. */

bool kg_hash_state_is_supported(void) {
  return true;
}

size_t kg_hash_state_size(enum kg_hash hash) {
  switch (hash) {
  case KG_HASH_SHA256:
    return sizeof(struct sha256_ctx);
  case KG_HASH_SHA384:
  case KG_HASH_SHA512:
    return sizeof(struct sha512_ctx);
  case KG_HASH_SHA1:
  case KG_HASH_NONE:
    break;
  }
  return 0;
}

void kg_hash_state_save(const struct kg_hash_ctx *ctx, unsigned char *out) {
  memcpy(out, ctx->state.bytes, kg_hash_state_size(ctx->hash));
}

static bool is_sane(enum kg_hash hash, struct kg_span saved) {
  if (saved.len != kg_hash_state_size(hash)) return false;
  struct sha256_ctx small;
  if (hash == KG_HASH_SHA256) {
    memcpy(&small, saved.data, sizeof small);
    return small.index < SHA256_BLOCK_SIZE;
  }
  struct sha512_ctx large;
  memcpy(&large, saved.data, sizeof large);
  return large.index < SHA512_BLOCK_SIZE;
}

bool kg_hash_state_load(struct kg_hash_ctx *ctx, enum kg_hash hash, struct kg_span saved) {
  memset(ctx, 0, sizeof *ctx);
  if (kg_hash_state_size(hash) == 0 || !is_sane(hash, saved)) return false;
  kg_hash_init(ctx, hash);
  memcpy(ctx->state.bytes, saved.data, saved.len);
  return true;
}
