#include "core/key/cng/store.h"

#include "core/base/log.h"
#include "core/base/strength.h"
#include "core/key/cng/bcrypt_verify.h"
#include "core/key/cng/ncrypt_key.h"
#include "core/os/named_mutex_win.h"

#include <stdlib.h>
#include <string.h>

#define LOCK_WAIT_MS 30000 /* making a key takes a second or two */
#define CAPABILITIES (KG_CAN_SIGN_PKCS1 | KG_CAN_SIGN_PSS | KG_CAN_VERIFY)

struct cng_key {
  struct kg_key base;
  struct kg_cng_key cng;
  struct kg_buf public_blob;
};

/* --- what the key is --------------------------------------------------------------------------------------------- */

static enum kg_status take_number(struct kg_span bytes, struct kg_buf *out) {
  while (bytes.len > 1 && bytes.data[0] == 0) {
    bytes.data++;
    bytes.len--;
  }
  return kg_buf_set(out, bytes);
}

static enum kg_status describe(struct cng_key *key, struct kg_error *error) {
  struct kg_key_info *info = &key->base.info;
  enum kg_status status = kg_cng_export_public(&key->cng, &key->public_blob, error);
  if (status != KG_OK) return status;
  BCRYPT_RSAKEY_BLOB head;
  memcpy(&head, key->public_blob.data, sizeof head);
  const unsigned char *at = key->public_blob.data + sizeof head;
  status = take_number(kg_span_of(at, head.cbPublicExp), &info->exponent);
  if (status == KG_OK) status = take_number(kg_span_of(at + head.cbPublicExp, head.cbModulus), &info->modulus);
  if (status != KG_OK) return kg_error_no_memory(error, "for the public key");
  info->bits = head.BitLength;
  info->strength = kg_cng_is_isolated(&key->cng) ? KG_STRENGTH_KEYGUARD : KG_STRENGTH_SOFTWARE;
  info->capabilities = CAPABILITIES;
  return KG_OK;
}

/* --- open, probe, create ----------------------------------------------------------------------------------------- */

/* The padding of the certificate request over a digest of zeros: opening and exporting also work with a key whose
 * material died with the last boot (docs/protocol.md 3.3). */
static enum kg_status probe(struct cng_key *key, struct kg_error *error) {
  static const struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 32};
  static const unsigned char digest[32];
  unsigned char signature[16384 / 8];
  return kg_cng_sign(&key->cng, &params, kg_span_of(digest, sizeof digest), signature, key->base.info.bits / 8, error);
}

static enum kg_status open_live(struct cng_key *key, struct kg_error *error) {
  enum kg_status status = kg_cng_open(&key->cng, error);
  if (status == KG_OK) status = describe(key, error);
  if (status == KG_OK) status = probe(key, error);
  return status;
}

/* A fresh key that is not isolated would be a key nobody asked for. */
static enum kg_status check_fresh(struct cng_key *key, struct kg_error *error) {
  enum kg_status status = describe(key, error);
  if (status == KG_OK) status = probe(key, error);
  if (status == KG_OK && key->base.info.strength == KG_STRENGTH_KEYGUARD) return KG_OK;
  if (status == KG_OK)
    status = kg_error_set(error, KG_E_KEYGUARD_UNAVAILABLE,
                          "Windows made a key that is not isolated: switch on virtualization-based security with "
                          "Credential Guard and restart; keyguardctl doctor tells what is missing");
  struct kg_error ignored;
  if (kg_cng_delete(&key->cng, &ignored) != KG_OK) kg_log_error(KG_LOG_WARN, &ignored);
  return status;
}

static enum kg_status create(struct cng_key *key, bool overwrite, struct kg_error *error) {
  enum kg_status status = kg_cng_create(&key->cng, overwrite, error);
  if (status == KG_OK) status = check_fresh(key, error);
  if (status == KG_OK) key->base.info.created = true;
  return status;
}

/* No key was found, and yet the name may be taken: by somebody without our mutex, whose key is then the one, or by what
 * is left of a container that the last boot emptied. */
static enum kg_status create_missing(struct cng_key *key, struct kg_error *error) {
  enum kg_status status = create(key, false, error);
  if (status != KG_E_LOCK_BUSY) return status;
  status = open_live(key, error);
  return status == KG_E_KEY_NOT_FOUND || status == KG_E_KEY_DEAD ? create(key, true, error) : status;
}

/* Only a missing key and a dead one are made anew, and a dead one has had a second chance: other programs may be
 * using what cannot be opened for any other reason. */
static enum kg_status open_or_create_locked(struct cng_key *key, struct kg_error *error) {
  enum kg_status status = open_live(key, error);
  if (status == KG_E_KEY_NOT_FOUND) return create_missing(key, error);
  if (status != KG_E_KEY_DEAD) return status;
  status = open_live(key, error);
  if (status == KG_E_KEY_NOT_FOUND) return create_missing(key, error);
  if (status != KG_E_KEY_DEAD) return status;
  if (error != NULL)
    kg_log(KG_LOG_WARN, "KeyGuard key %s is dead and is made anew: %s", key->cng.name.name, error->text);
  return create(key, true, error);
}

static enum kg_status open_or_create(struct cng_key *key, struct kg_error *error) {
  wchar_t name[KG_CNG_MUTEX_NAME_SIZE];
  void *mutex = NULL;
  enum kg_status status = kg_cng_mutex_name(&key->cng.name, name, error);
  if (status == KG_OK) status = kg_named_mutex_acquire(name, key->cng.name.machine, LOCK_WAIT_MS, &mutex, error);
  if (status != KG_OK) return status;
  status = open_or_create_locked(key, error);
  kg_named_mutex_release(&mutex);
  return status;
}

static enum kg_status open_existing(struct cng_key *key, struct kg_error *error) {
  enum kg_status status = kg_cng_open(&key->cng, error);
  return status != KG_OK ? status : describe(key, error);
}

/* --- the interface ----------------------------------------------------------------------------------------------- */

static void cng_close(struct kg_key *base) {
  struct cng_key *key = (struct cng_key *)base;
  kg_cng_clear(&key->cng);
  kg_buf_clear(&key->public_blob);
  kg_buf_clear(&base->info.modulus);
  kg_buf_clear(&base->info.exponent);
  free(key);
}

static enum kg_status cng_open(const void *place, unsigned flags, struct kg_key **out, struct kg_error *error) {
  *out = NULL;
  struct cng_key *key = calloc(1, sizeof *key);
  if (key == NULL) return kg_error_no_memory(error, "for a key");
  key->base.ops = &kg_key_store_cng;
  enum kg_status status = kg_cng_init(&key->cng, place, error);
  if (status == KG_OK) status = flags & KG_KEY_CREATE ? open_or_create(key, error) : open_existing(key, error);
  if (status == KG_OK)
    *out = &key->base;
  else
    cng_close(&key->base);
  if (status == KG_OK && error != NULL) kg_error_clear(error); /* of the attempts before the one that worked */
  return status;
}

static enum kg_status cng_sign(struct kg_key *base, const struct kg_sign_params *params, struct kg_span input,
                               unsigned char *signature, struct kg_error *error) {
  return kg_cng_sign(&((struct cng_key *)base)->cng, params, input, signature, base->info.bits / 8, error);
}

static enum kg_status cng_verify(struct kg_key *base, const struct kg_sign_params *params, struct kg_span input,
                                 struct kg_span signature, struct kg_error *error) {
  return kg_cng_verify(kg_buf_span(&((struct cng_key *)base)->public_blob), params, input, signature, error);
}

static enum kg_status cng_destroy(struct kg_key *base, struct kg_error *error) {
  return kg_cng_delete(&((struct cng_key *)base)->cng, error);
}

static uintptr_t cng_native_handle(const struct kg_key *base) {
  return (uintptr_t)((const struct cng_key *)base)->cng.key;
}

const struct kg_key_store_ops kg_key_store_cng = {
    .open = cng_open,
    .sign = cng_sign,
    .verify = cng_verify,
    .destroy = cng_destroy,
    .close = cng_close,
    .native_handle = cng_native_handle,
};
