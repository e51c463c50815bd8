#include "core/base/hash.h"

#include <nettle/sha1.h>
#include <nettle/sha2.h>

_Static_assert(sizeof(struct sha1_ctx) <= sizeof((struct kg_hash_ctx *)0)->state, "SHA-1 fits");
_Static_assert(sizeof(struct sha256_ctx) <= sizeof((struct kg_hash_ctx *)0)->state, "SHA-256 fits");
_Static_assert(sizeof(struct sha512_ctx) <= sizeof((struct kg_hash_ctx *)0)->state, "SHA-384 and SHA-512 fit");
_Static_assert(_Alignof(struct sha512_ctx) <= _Alignof(uint64_t), "the union is aligned for all");

size_t kg_hash_size(enum kg_hash hash) {
  switch (hash) {
  case KG_HASH_SHA1:
    return SHA1_DIGEST_SIZE;
  case KG_HASH_SHA256:
    return SHA256_DIGEST_SIZE;
  case KG_HASH_SHA384:
    return SHA384_DIGEST_SIZE;
  case KG_HASH_SHA512:
    return SHA512_DIGEST_SIZE;
  case KG_HASH_NONE:
    break;
  }
  return 0;
}

const char *kg_hash_name(enum kg_hash hash) {
  static const char *const names[] = {"none", "SHA1", "SHA256", "SHA384", "SHA512"};
  return (unsigned)hash < sizeof names / sizeof names[0] ? names[hash] : names[0];
}

void kg_hash_init(struct kg_hash_ctx *ctx, enum kg_hash hash) {
  void *state = ctx->state.bytes;
  kg_wipe(ctx, sizeof *ctx);
  ctx->hash = hash;
  if (hash == KG_HASH_SHA1) sha1_init(state);
  if (hash == KG_HASH_SHA256) sha256_init(state);
  if (hash == KG_HASH_SHA384) sha384_init(state);
  if (hash == KG_HASH_SHA512) sha512_init(state);
}

void kg_hash_update(struct kg_hash_ctx *ctx, struct kg_span data) {
  void *state = ctx->state.bytes;
  if (data.len == 0) return; /* NULL is not for memcpy */
  if (ctx->hash == KG_HASH_SHA1) sha1_update(state, data.len, data.data);
  if (ctx->hash == KG_HASH_SHA256) sha256_update(state, data.len, data.data);
  if (ctx->hash == KG_HASH_SHA384 || ctx->hash == KG_HASH_SHA512) sha512_update(state, data.len, data.data);
}

bool kg_hash_final(struct kg_hash_ctx *ctx, unsigned char *digest) {
  void *state = ctx->state.bytes;
  size_t size = kg_hash_size(ctx->hash);
  if (ctx->hash == KG_HASH_SHA1) sha1_digest(state, size, digest);
  if (ctx->hash == KG_HASH_SHA256) sha256_digest(state, size, digest);
  if (ctx->hash == KG_HASH_SHA384) sha384_digest(state, size, digest);
  if (ctx->hash == KG_HASH_SHA512) sha512_digest(state, size, digest);
  kg_hash_clear(ctx);
  return true;
}

void kg_hash_clear(struct kg_hash_ctx *ctx) {
  if (ctx != NULL) kg_wipe(ctx, sizeof *ctx);
}

bool kg_hash_once(enum kg_hash hash, struct kg_span data, unsigned char *digest) {
  struct kg_hash_ctx ctx;
  kg_hash_init(&ctx, hash);
  kg_hash_update(&ctx, data);
  return kg_hash_final(&ctx, digest);
}
