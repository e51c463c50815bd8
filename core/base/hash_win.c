#include "core/base/hash.h"

#include <string.h>
#include <windows.h>

#include <bcrypt.h>

/* kg_hash_ctx.state on Windows: the hash object is the system's, and a failure is remembered until final. */
struct state {
  BCRYPT_HASH_HANDLE handle; /* NULL: failed */
};

_Static_assert(sizeof(struct state) <= sizeof((struct kg_hash_ctx *)0)->state, "the state fits");

struct algorithm {
  const char *name;
  const wchar_t *id;
  size_t size;
};

static const struct algorithm algorithms[] = {
    {"none", NULL, 0},
    {"SHA1", BCRYPT_SHA1_ALGORITHM, 20},
    {"SHA256", BCRYPT_SHA256_ALGORITHM, 32},
    {"SHA384", BCRYPT_SHA384_ALGORITHM, 48},
    {"SHA512", BCRYPT_SHA512_ALGORITHM, 64},
};
#define ALGORITHM_COUNT (sizeof algorithms / sizeof algorithms[0])

static const struct algorithm *algorithm_of(enum kg_hash hash) {
  return (size_t)hash < ALGORITHM_COUNT ? &algorithms[hash] : &algorithms[0];
}

size_t kg_hash_size(enum kg_hash hash) {
  return algorithm_of(hash)->size;
}

const char *kg_hash_name(enum kg_hash hash) {
  return algorithm_of(hash)->name;
}

/* One provider a hash for the life of the process: opening one costs more than a hash. Losing the race closes ours. */
static BCRYPT_ALG_HANDLE provider_of(enum kg_hash hash) {
  static PVOID volatile providers[ALGORITHM_COUNT];
  BCRYPT_ALG_HANDLE present = InterlockedCompareExchangePointer(&providers[hash], NULL, NULL);
  if (present != NULL) return present;
  BCRYPT_ALG_HANDLE fresh = NULL;
  if (BCryptOpenAlgorithmProvider(&fresh, algorithm_of(hash)->id, NULL, 0) != 0) return NULL;
  present = InterlockedCompareExchangePointer(&providers[hash], fresh, NULL);
  if (present != NULL) BCryptCloseAlgorithmProvider(fresh, 0);
  return present != NULL ? present : fresh;
}

static struct state *state_of(struct kg_hash_ctx *ctx) {
  return (struct state *)(void *)ctx->state.bytes;
}

void kg_hash_init(struct kg_hash_ctx *ctx, enum kg_hash hash) {
  kg_wipe(ctx, sizeof *ctx);
  ctx->hash = hash;
  if (algorithm_of(hash)->id == NULL) return;
  BCRYPT_ALG_HANDLE provider = provider_of(hash);
  if (provider == NULL || BCryptCreateHash(provider, &state_of(ctx)->handle, NULL, 0, NULL, 0, 0) != 0)
    state_of(ctx)->handle = NULL;
}

static void destroy(struct kg_hash_ctx *ctx) {
  struct state *state = state_of(ctx);
  if (state->handle != NULL) BCryptDestroyHash(state->handle);
  state->handle = NULL;
}

void kg_hash_update(struct kg_hash_ctx *ctx, struct kg_span data) {
  const ULONG most = 1UL << 30; /* lengths are 32 bits here */
  while (data.len && state_of(ctx)->handle != NULL) {
    ULONG part = data.len < most ? (ULONG)data.len : most;
    if (BCryptHashData(state_of(ctx)->handle, (PUCHAR)(uintptr_t)data.data, part, 0) != 0) destroy(ctx);
    data.data += part;
    data.len -= part;
  }
}

bool kg_hash_final(struct kg_hash_ctx *ctx, unsigned char *digest) {
  size_t size = kg_hash_size(ctx->hash);
  bool done = state_of(ctx)->handle != NULL && BCryptFinishHash(state_of(ctx)->handle, digest, (ULONG)size, 0) == 0;
  if (!done) memset(digest, 0, size);
  kg_hash_clear(ctx);
  return done;
}

void kg_hash_clear(struct kg_hash_ctx *ctx) {
  if (ctx == NULL) return;
  destroy(ctx);
  kg_wipe(ctx, sizeof *ctx);
}

bool kg_hash_once(enum kg_hash hash, struct kg_span data, unsigned char *digest) {
  struct kg_hash_ctx ctx;
  kg_hash_init(&ctx, hash);
  kg_hash_update(&ctx, data);
  return kg_hash_final(&ctx, digest);
}
