#include "core/key/pkcs11/slot_search.h"

#include "core/base/clock.h"
#include "core/key/pkcs11/ckr.h"
#include "core/key/pkcs11/token_field.h"

#include <string.h>

#define SLOTS_MAX 256
#define FIRST_WAIT_MS 5 /* then twice as long each time: 155 ms in all */
#define LAST_WAIT_MS 80

static bool is_match(const char *wanted, const CK_UTF8CHAR *field, size_t size) {
  return wanted == NULL || kg_token_field_is(field, size, wanted);
}

/* As the URI names it, or the token that the key was found on. */
static const char *serial_of(const struct kg_backing_key *key) {
  return key->serial != NULL ? key->serial : key->uri->serial;
}

static bool is_wanted(const struct kg_backing_key *key, const CK_TOKEN_INFO *info) {
  const struct kg_pkcs11_uri *uri = key->uri;
  return (info->flags & CKF_TOKEN_INITIALIZED) && is_match(uri->token, info->label, sizeof info->label) &&
         is_match(uri->manufacturer, info->manufacturerID, sizeof info->manufacturerID) &&
         is_match(uri->model, info->model, sizeof info->model) &&
         is_match(serial_of(key), info->serialNumber, sizeof info->serialNumber);
}

static enum kg_status ambiguous(const CK_TOKEN_INFO *a, const CK_TOKEN_INFO *b, struct kg_error *error) {
  return kg_error_set(
      error, KG_E_CONFIG,
      "two tokens match the key store's URI: \"%.*s\" serial \"%.*s\" and \"%.*s\" serial \"%.*s\"; name "
      "one with token= or serial=",
      (int)kg_token_field_length(a->label, sizeof a->label), (const char *)a->label,
      (int)kg_token_field_length(a->serialNumber, sizeof a->serialNumber), (const char *)a->serialNumber,
      (int)kg_token_field_length(b->label, sizeof b->label), (const char *)b->label,
      (int)kg_token_field_length(b->serialNumber, sizeof b->serialNumber), (const char *)b->serialNumber);
}

/* An empty reader is no token, and none of ours. */
static bool is_absent(CK_RV rv) {
  return rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_TOKEN_NOT_RECOGNIZED || rv == CKR_SLOT_ID_INVALID;
}

static enum kg_status not_found(const struct kg_backing_key *key, struct kg_error *error) {
  const char *token = key->uri->token, *serial = serial_of(key);
  return kg_error_set(error, KG_E_KEY_NOT_FOUND, "no token%s%s%s%s matches the key store's URI",
                      token != NULL ? " token=" : "", token != NULL ? token : "", serial != NULL ? " serial=" : "",
                      serial != NULL ? serial : "");
}

/* A token that cannot be read may be the one: then it is not missing. */
static enum kg_status search(const struct kg_backing_key *key, const CK_FUNCTION_LIST *f, CK_SLOT_ID *slot,
                             CK_TOKEN_INFO *info, struct kg_error *error) {
  CK_SLOT_ID slots[SLOTS_MAX];
  CK_ULONG count = SLOTS_MAX;
  CK_RV rv = f->C_GetSlotList(CK_TRUE, slots, &count);
  if (rv != CKR_OK) return kg_ckr_error(error, "C_GetSlotList", rv);
  bool found = false;
  CK_RV failure = CKR_OK;
  for (CK_ULONG i = 0; i < count; i++) {
    CK_TOKEN_INFO token;
    memset(&token, 0, sizeof token);
    rv = f->C_GetTokenInfo(slots[i], &token);
    if (rv != CKR_OK && !is_absent(rv)) failure = rv;
    if (rv != CKR_OK || !is_wanted(key, &token)) continue;
    if (found) return ambiguous(info, &token, error);
    found = true;
    *slot = slots[i];
    *info = token;
  }
  if (found) return KG_OK;
  return failure != CKR_OK ? kg_ckr_error(error, "C_GetTokenInfo", failure) : not_found(key, error);
}

/* A token that was there a moment ago and is not now may be in the middle of being written by another process: SoftHSM2
 * (2.6.1) empties the file that makes the token at every login. */
enum kg_status kg_backing_find_slot(struct kg_backing_key *key, struct kg_backing *backing, CK_SLOT_ID *slot,
                                    CK_TOKEN_INFO *info, struct kg_error *error) {
  const struct kg_clock *clock = kg_clock_system();
  enum kg_status status = search(key, backing->f, slot, info, error);
  for (int64_t wait_ms = FIRST_WAIT_MS; key->has_token && wait_ms <= LAST_WAIT_MS; wait_ms *= 2) {
    if (status != KG_E_KEY_NOT_FOUND) break;
    clock->sleep_ms(clock->context, wait_ms);
    status = search(key, backing->f, slot, info, error);
  }
  return status;
}
