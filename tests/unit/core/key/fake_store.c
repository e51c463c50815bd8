/* A key store that is a shared object of its own, with a twist for each way to be wrong. Its keys are of no use: what
 * it shows is how such a store is found, loaded and asked. */
#include "core/key/store.h"

#include <stdlib.h>
#include <string.h>

#ifndef FAKE_STORE_RELEASE
#define FAKE_STORE_RELEASE KEYGUARD_VERSION
#endif

#define BITS 2048

static enum kg_status fake_open(const void *place, unsigned flags, struct kg_key **out, struct kg_error *error);

static enum kg_status fake_sign(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                                unsigned char *signature, struct kg_error *error) {
  (void)params, (void)input, (void)error;
  memset(signature, 0x5a, key->info.bits / 8);
  return KG_OK;
}

static enum kg_status fake_verify(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                                  struct kg_span signature, struct kg_error *error) {
  (void)key, (void)params, (void)input;
  return signature.data[0] == 0x5a ? KG_OK : kg_error_set(error, KG_E_SIGNATURE, "not ours");
}

static enum kg_status fake_destroy(struct kg_key *key, struct kg_error *error) {
  (void)key, (void)error;
  return KG_OK;
}

static void fake_close(struct kg_key *key) {
  kg_buf_clear(&key->info.modulus);
  kg_buf_clear(&key->info.exponent);
  free(key);
}

static const struct kg_key_store_ops ops = {
    .open = fake_open,
    .sign = fake_sign,
#ifndef FAKE_STORE_DOES_NOT_VERIFY
    .verify = fake_verify,
#endif
    .destroy = fake_destroy,
    .close = fake_close,
};

/* Its modulus is its place, so that the test sees which one came through. */
static enum kg_status fake_open(const void *place, unsigned flags, struct kg_key **out, struct kg_error *error) {
  const char *name = place;
  struct kg_key *key = calloc(1, sizeof *key);
  if (key == NULL) return kg_error_set(error, KG_E_NO_MEMORY, "out of memory");
  key->ops = &ops;
  key->info.bits = BITS;
  key->info.strength = KG_STRENGTH_HARDWARE;
  key->info.capabilities = KG_CAN_SIGN_PSS | KG_CAN_VERIFY;
  key->info.created = (flags & 1) != 0;
  if (kg_buf_set(&key->info.modulus, kg_span_text(name)) == KG_OK) {
    *out = key;
    return KG_OK;
  }
  fake_close(key);
  return kg_error_set(error, KG_E_NO_MEMORY, "out of memory");
}

static const struct kg_key_store_object object = {FAKE_STORE_RELEASE, &ops};

#ifdef FAKE_STORE_ENTRY
#define ENTRY FAKE_STORE_ENTRY
#else
#define ENTRY keyguard_key_store
#endif

__attribute__((visibility("default"))) const struct kg_key_store_object *ENTRY(void);

const struct kg_key_store_object *ENTRY(void) {
  (void)fake_verify;
  return &object;
}
