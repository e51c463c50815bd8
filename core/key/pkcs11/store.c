#include "core/key/pkcs11/store.h"

#include "core/base/clock.h"
#include "core/key/pkcs11/backing_key.h"
#include "core/key/pkcs11/generate.h"
#include "core/key/pkcs11/host.h"
#include "core/key/pkcs11/lease.h"
#include "core/key/pkcs11/lookup.h"
#include "core/key/pkcs11/signing.h"
#include "core/key/pkcs11/token_field.h"

#include <stdlib.h>
#include <string.h>

#define OPEN_FIRST_WAIT_MS 5 /* between attempts to open a key, then twice as long each time up to the longest */
#define OPEN_LONGEST_WAIT_MS 40
#define OPEN_WAITS_MS 315 /* in all */
#define OPEN_PATIENT_WAITS_MS 1275

static struct kg_backing_key *of(struct kg_key *key) {
  return (struct kg_backing_key *)key;
}

static enum kg_status pin_token(struct kg_backing_key *key, const CK_TOKEN_INFO *info, struct kg_error *error) {
  size_t len = kg_token_field_length(info->serialNumber, sizeof info->serialNumber);
  if (key->uri->serial != NULL || key->serial != NULL || len == 0) return KG_OK;
  key->serial = calloc(1, len + 1);
  if (key->serial == NULL) return kg_error_no_memory(error, "for the token's serial number");
  memcpy(key->serial, info->serialNumber, len);
  return KG_OK;
}

static enum kg_status create(struct kg_backing_key *key, struct kg_backing *backing, struct kg_error *error) {
  struct kg_lane *lane;
  CK_SLOT_ID slot;
  CK_TOKEN_INFO info;
  enum kg_status status = kg_lease_open(key, backing, CKF_RW_SESSION, &lane, &slot, &info, error);
  if (status != KG_OK) return status;
  status = kg_backing_key_generate(key, backing, lane->session, error);
  kg_lease_drop(backing, lane);
  return status;
}

/* Finds the key and learns all about it; the session stays for the first signature. */
static enum kg_status find(struct kg_backing_key *key, struct kg_backing *backing, unsigned flags,
                           struct kg_error *error) {
  struct kg_lane *lane;
  CK_SLOT_ID slot;
  CK_TOKEN_INFO info;
  enum kg_status status = kg_lease_open(key, backing, 0, &lane, &slot, &info, error);
  if (status != KG_OK) return status;
  key->has_token = true;
  status = pin_token(key, &info, error);
  if (status == KG_OK) status = kg_backing_key_find_private(key, backing, lane->session, &lane->private_key, error);
  if (status == KG_OK) status = kg_backing_key_describe(key, backing, lane, slot, &info, error);
  if (status == KG_OK && kg_backing_key_takes_any_salt(key, backing, lane, !(flags & KG_KEY_NO_TRIAL)))
    key->key.info.capabilities |= KG_CAN_PSS_ANY_SALT;
  if (status == KG_OK)
    kg_lease_give(backing, lane);
  else
    kg_lease_drop(backing, lane);
  return status;
}

static enum kg_status find_or_create(struct kg_backing_key *key, struct kg_backing *backing, unsigned flags,
                                     struct kg_error *error) {
  enum kg_status status = find(key, backing, flags, error);
  if (status != KG_E_KEY_NOT_FOUND || !(flags & KG_KEY_CREATE) || !key->has_token) return status;
  status = create(key, backing, error);
  if (status == KG_OK) status = find(key, backing, flags, error);
  if (status == KG_OK) kg_error_clear(error);
  return status;
}

/* Once more where the host finalised the library since we joined it. */
static enum kg_status find_again(struct kg_backing_key *key, struct kg_backing *backing, unsigned flags,
                                 struct kg_error *error) {
  unsigned epoch = atomic_load(&backing->epoch);
  enum kg_status status = find_or_create(key, backing, flags, error);
  if (status != KG_E_KEY_STORE || error->native_code != CKR_CRYPTOKI_NOT_INITIALIZED) return status;
  status = kg_backing_renew(backing, epoch, error);
  return status == KG_OK ? find_or_create(key, backing, flags, error) : status;
}

static void close_key(struct kg_key *key);

static enum kg_status find_key(struct kg_backing_key *key, unsigned flags, struct kg_error *error) {
  struct kg_backing *backing = NULL;
  enum kg_status status = kg_backing_acquire(key->uri->module_path, &backing, error);
  if (status != KG_OK) return status;
  atomic_store(&key->backing, backing);
  bool entered = kg_host_enter();
  status = find_again(key, backing, flags, error);
  kg_host_leave(entered);
  return status;
}

/* The token was not there, failed, or had no PIN, as it may while another process is writing it. */
static bool is_passing(const struct kg_backing_key *key, const struct kg_error *error) {
  if (error->status == KG_E_KEY_NOT_FOUND) return !key->has_token;
  if (error->status == KG_E_KEY_STORE) return atomic_load(&key->backing) != NULL;
  return error->status == KG_E_KEY_PIN && error->native_code == CKR_USER_PIN_NOT_INITIALIZED;
}

/* `*passing`: it may succeed in a moment. */
static enum kg_status open_once(const struct kg_pkcs11_uri *uri, unsigned flags, struct kg_key **out, bool *passing,
                                struct kg_error *error) {
  static atomic_uint_least64_t numbers;
  struct kg_backing_key *key = calloc(1, sizeof *key);
  if (key == NULL) return kg_error_no_memory(error, "for a key");
  key->key.ops = &kg_key_store_pkcs11;
  key->uri = uri;
  key->number = atomic_fetch_add(&numbers, 1) + 1;
  enum kg_status status = find_key(key, flags, error);
  *passing = status != KG_OK && is_passing(key, error);
  if (status == KG_OK)
    *out = &key->key;
  else
    close_key(&key->key);
  return status;
}

/* At every login SoftHSM2 (2.6.1) empties the file that makes the token, unlocks it, and only then writes it again: who
 * initialises the library meanwhile sees no token, or one without a PIN, until it does so anew. Workers of one server
 * do this to each other. */
static enum kg_status open_key(const void *place, unsigned flags, struct kg_key **out, struct kg_error *error) {
  const struct kg_clock *clock = kg_clock_system();
  struct kg_error local;
  int64_t wait_ms = OPEN_FIRST_WAIT_MS, left_ms = flags & KG_KEY_PATIENT ? OPEN_PATIENT_WAITS_MS : OPEN_WAITS_MS;
  if (error == NULL) error = &local;
  bool passing = false;
  enum kg_status status = open_once(place, flags, out, &passing, error);
  while (passing && left_ms > 0) {
    clock->sleep_ms(clock->context, wait_ms);
    left_ms -= wait_ms;
    if (wait_ms < OPEN_LONGEST_WAIT_MS) wait_ms *= 2;
    kg_error_clear(error);
    status = open_once(place, flags, out, &passing, error);
  }
  return status;
}

static enum kg_status destroy_in(struct kg_backing_key *key, struct kg_error *error) {
  struct kg_backing *backing;
  struct kg_lane *lane;
  CK_SLOT_ID slot;
  CK_TOKEN_INFO info;
  enum kg_status status = kg_backing_of(key, &backing, error);
  if (status == KG_OK) status = kg_lease_open(key, backing, CKF_RW_SESSION, &lane, &slot, &info, error);
  if (status != KG_OK) return status;
  status = kg_backing_key_destroy(key, backing, lane, error);
  kg_lease_drop(backing, lane);
  return status;
}

static enum kg_status destroy(struct kg_key *key, struct kg_error *error) {
  bool entered = kg_host_enter();
  enum kg_status status = destroy_in(of(key), error);
  kg_host_leave(entered);
  return status;
}

/* In a child the parent's sessions are left alone, and so is its backing. */
static void leave_backing(struct kg_backing_key *key, struct kg_backing *backing) {
  if (backing == NULL || !kg_lanes_are_here(&backing->lanes)) return;
  bool entered = kg_host_enter();
  struct kg_lane *lane;
  while ((lane = kg_lane_take_owned(&backing->lanes, key->number)) != NULL)
    kg_lease_drop(backing, lane);
  kg_backing_release(backing);
  kg_host_leave(entered);
}

static void close_key(struct kg_key *key) {
  leave_backing(of(key), atomic_load(&of(key)->backing));
  free(of(key)->serial);
  kg_buf_clear(&key->info.modulus);
  kg_buf_clear(&key->info.exponent);
  free(key);
}

const struct kg_key_store_ops kg_key_store_pkcs11 = {
    .open = open_key,
    .sign = kg_backing_key_sign,
    .verify = kg_backing_key_verify,
    .destroy = destroy,
    .close = close_key,
};
