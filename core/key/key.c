#include "core/key/key.h"

#include "core/key/registry.h"
#include "core/key/sign_params.h"
#include "core/key/store.h"
#include "core/os/cancel.h"
#include "core/os/exit.h"

static _Thread_local unsigned depth;

bool kg_key_is_inside_store(void) {
  return depth > 0;
}

static enum kg_status enter(struct kg_error *error) {
  if (depth > 0)
    return kg_error_set(error, KG_E_KEY_STORE, "the key store's own library called back into this key store");
  if (kg_exit_has_begun())
    return kg_error_set(error, KG_E_KEY_STORE, "the process is ending, and the key store's library with it");
  depth++;
  return KG_OK;
}

static void leave(void) {
  depth--;
}

static enum kg_status open_inside(struct kg_key_uri *uri, unsigned flags, struct kg_key **out, struct kg_error *error) {
  const struct kg_key_store_ops *ops = NULL;
  enum kg_status status = kg_key_store_require(kg_key_uri_store(uri), &ops, error);
  if (status == KG_OK) status = ops->open(kg_key_uri_place(uri), flags, out, error);
  if (status == KG_OK) (*out)->uri = kg_key_uri_share(uri);
  return status;
}

enum kg_status kg_key_open(struct kg_key_uri *uri, unsigned flags, struct kg_key **out, struct kg_error *error) {
  *out = NULL;
  enum kg_status status = enter(error);
  if (status != KG_OK) return status;
  status = open_inside(uri, flags, out, error);
  leave();
  return status;
}

void kg_key_close(struct kg_key **key) {
  if (*key == NULL) return;
  /* From inside a store, or at the end of the process, the key is left behind: closing it would call a library that is
   * calling us, or is gone. */
  if (enter(NULL) == KG_OK) {
    int before = kg_cancel_defer(); /* the last one who used it closes it, in whatever call that is */
    struct kg_key_uri *uri = (*key)->uri;
    (*key)->ops->close(*key);
    kg_key_uri_free(&uri);
    leave();
    kg_cancel_restore(before);
  }
  *key = NULL;
}

const struct kg_key_info *kg_key_info(const struct kg_key *key) {
  return &key->info;
}

uintptr_t kg_key_native_handle(const struct kg_key *key) {
  return key->ops->native_handle != NULL ? key->ops->native_handle(key) : 0;
}

struct request { /* what a store is given */
  struct kg_sign_params params;
  struct kg_span input;
};

static enum kg_status check(const struct kg_key_info *info, struct request *request, struct kg_error *error) {
  enum kg_status status = kg_sign_params_check(&request->params, info->capabilities, info->bits, error);
  if (status != KG_OK) return status;
  return kg_sign_params_take_input(&request->params, &request->input, info->capabilities, info->bits, error);
}

enum kg_status kg_key_sign(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                           unsigned char *signature, struct kg_error *error) {
  struct request request = {*params, input};
  enum kg_status status = check(&key->info, &request, error);
  if (status == KG_OK) status = enter(error);
  if (status != KG_OK) return status;
  status = key->ops->sign(key, &request.params, request.input, signature, error);
  leave();
  return status;
}

enum kg_status kg_key_verify(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                             struct kg_span signature, struct kg_error *error) {
  struct request request = {*params, input};
  enum kg_status status = check(&key->info, &request, error);
  if (status != KG_OK) return status;
  if (!(key->info.capabilities & KG_CAN_VERIFY) || key->ops->verify == NULL)
    return kg_error_set(error, KG_E_KEY_MECHANISM, "this key store cannot verify: it has no public key object");
  if (signature.data == NULL || signature.len != key->info.bits / 8)
    return kg_error_set(error, KG_E_SIGNATURE, "a signature of this key has %u bytes, not %zu", key->info.bits / 8,
                        signature.len);
  status = enter(error);
  if (status != KG_OK) return status;
  status = key->ops->verify(key, &request.params, request.input, signature, error);
  leave();
  return status;
}

/* Not the key's fault: nobody could ask it. */
static bool is_inconclusive(enum kg_status status) {
  return status == KG_E_KEY_PIN || status == KG_E_KEY_BUSY || status == KG_E_NO_MEMORY ||
         status == KG_E_KEY_MECHANISM || status == KG_E_ACCESS || status == KG_E_UNTRUSTED || status == KG_E_BUG;
}

enum kg_status kg_key_probe(struct kg_key *key, struct kg_error *error) {
  static const unsigned char digest[32];
  static const struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, sizeof digest};
  unsigned char signature[KG_SIGNATURE_MAX];
  struct kg_span input = kg_span_of(digest, sizeof digest);
  enum kg_status status = kg_key_sign(key, &params, input, signature, error);
  if (status == KG_OK && key->info.capabilities & KG_CAN_VERIFY)
    status = kg_key_verify(key, &params, input, kg_span_of(signature, key->info.bits / 8), error);
  if (status == KG_OK || is_inconclusive(status)) return status;
  return kg_error_prefix(error, KG_E_KEY_DEAD, "the key does not sign");
}

enum kg_status kg_key_delete(struct kg_key **key, struct kg_error *error) {
  enum kg_status status = enter(error);
  if (status != KG_OK) return status;
  status = (*key)->ops->destroy(*key, error);
  leave();
  if (status == KG_OK) kg_key_close(key);
  return status;
}
