#include "core/key/pkcs11/lease.h"

#include "core/key/pkcs11/ckr.h"
#include "core/key/pkcs11/lookup.h"
#include "core/key/pkcs11/pin.h"
#include "core/key/pkcs11/slot_search.h"

static void forget(struct kg_backing *backing, struct kg_lane *lane) {
  lane->session = lane->private_key = lane->public_key = 0;
  if (lane->owner != 0) kg_lane_set_owner(&backing->lanes, lane, 0);
}

/* A session of an older epoch is not closed: its number may be another's by now. Nor is a parent's. */
static void close_session(struct kg_backing *backing, struct kg_lane *lane) {
  if (lane->owner != 0 && lane->epoch == atomic_load(&backing->epoch) && kg_lanes_are_here(&backing->lanes)) {
    backing->f->C_CloseSession(lane->session);
    kg_lanes_set_full(&backing->lanes, false);
  }
  forget(backing, lane);
}

void kg_lease_give(struct kg_backing *backing, struct kg_lane *lane) {
  kg_lane_give(&backing->lanes, lane);
}

void kg_lease_drop(struct kg_backing *backing, struct kg_lane *lane) {
  close_session(backing, lane);
  kg_lease_give(backing, lane);
}

void kg_lease_forget(struct kg_backing *backing, struct kg_lane *lane) {
  forget(backing, lane);
  kg_lease_give(backing, lane);
}

static bool is_refusal(CK_RV rv) {
  return rv == CKR_SESSION_COUNT || rv == CKR_DEVICE_MEMORY || rv == CKR_HOST_MEMORY ||
         rv == CKR_TOKEN_RESOURCE_EXCEEDED;
}

/* Opens and logs in, in a lane without a session. `*refused`: the token has no session left for us now. */
static enum kg_status open_session(struct kg_backing_key *key, struct kg_backing *backing, CK_FLAGS flags,
                                   struct kg_lane *lane, CK_SLOT_ID *slot, CK_TOKEN_INFO *info, bool *refused,
                                   struct kg_error *error) {
  unsigned epoch = atomic_load(&backing->epoch);
  enum kg_status status = kg_backing_find_slot(key, backing, slot, info, error);
  if (status != KG_OK) return status;
  CK_RV rv = backing->f->C_OpenSession(*slot, CKF_SERIAL_SESSION | flags, NULL, NULL, &lane->session);
  *refused = is_refusal(rv);
  if (rv != CKR_OK) return kg_ckr_error(error, "C_OpenSession", rv);
  lane->epoch = epoch;
  kg_lane_set_owner(&backing->lanes, lane, key->number);
  if (!(info->flags & CKF_LOGIN_REQUIRED)) return KG_OK;
  return kg_backing_login(key, backing, CKU_USER, lane->session, info, error);
}

static enum kg_status busy(struct kg_error *error) {
  return kg_error_set(error, KG_E_KEY_BUSY, "no session of the token came free within %d seconds",
                      KG_LANE_WAIT_MS / 1000);
}

static bool is_ready(const struct kg_backing_key *key, struct kg_backing *backing, struct kg_lane *lane) {
  return lane->owner == key->number && lane->epoch == atomic_load(&backing->epoch) && lane->private_key != 0;
}

/* A lane with a session: one that is ready, where `any` allows that, else a new one in the place of whatever it had. */
static enum kg_status take(struct kg_backing_key *key, struct kg_backing *backing, CK_FLAGS flags, bool any,
                           struct kg_lane **out, CK_SLOT_ID *slot, CK_TOKEN_INFO *info, struct kg_error *error) {
  int64_t deadline = kg_lanes_now_ms() + KG_LANE_WAIT_MS;
  do {
    struct kg_lane *lane = kg_lane_take(&backing->lanes, key->number, deadline);
    *out = lane;
    if (lane == NULL) return busy(error);
    if (any && is_ready(key, backing, lane)) return KG_OK;
    close_session(backing, lane);
    bool refused = false;
    enum kg_status status = open_session(key, backing, flags, lane, slot, info, &refused, error);
    if (status == KG_OK) return KG_OK;
    *out = NULL;
    if (refused) kg_lanes_set_full(&backing->lanes, true);
    kg_lease_drop(backing, lane);
    if (!refused) return status;
  } while (kg_lanes_now_ms() < deadline);
  return busy(error);
}

enum kg_status kg_lease_open(struct kg_backing_key *key, struct kg_backing *backing, CK_FLAGS flags,
                             struct kg_lane **out, CK_SLOT_ID *slot, CK_TOKEN_INFO *info, struct kg_error *error) {
  return take(key, backing, flags, false, out, slot, info, error);
}

/* The key's handles in a fresh session. Another key under the same name is not the key that was opened. */
static enum kg_status find_handles(struct kg_backing_key *key, struct kg_backing *backing, struct kg_lane *lane,
                                   struct kg_error *error) {
  enum kg_status status = kg_backing_key_find_private(key, backing, lane->session, &lane->private_key, error);
  if (status == KG_OK) status = kg_backing_key_find_public(key, backing, lane, error);
  if (status != KG_OK) return status;
  return kg_backing_key_check(key, backing, lane, error);
}

/* The token or the key was there when the key was opened: that it is not found now means that it is gone. */
static enum kg_status gone(enum kg_status status, struct kg_error *error) {
  return status == KG_E_KEY_NOT_FOUND ? kg_error_prefix(error, KG_E_KEY_DEAD, "the key is gone") : status;
}

enum kg_status kg_lease_take(struct kg_backing_key *key, struct kg_backing *backing, struct kg_lane **out,
                             struct kg_error *error) {
  CK_SLOT_ID slot;
  CK_TOKEN_INFO info;
  enum kg_status status = take(key, backing, 0, true, out, &slot, &info, error);
  if (status != KG_OK || (*out)->private_key != 0) return gone(status, error);
  status = find_handles(key, backing, *out, error);
  if (status != KG_OK) kg_lease_drop(backing, *out);
  return gone(status, error);
}
