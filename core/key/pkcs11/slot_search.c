#include "core/key/pkcs11/slot_search.h"

#include "core/base/clock.h"
#include "core/key/pkcs11/ckr.h"
#include "core/key/pkcs11/token_field.h"

#include <stdlib.h>
#include <string.h>

#define LIST_ATTEMPTS 4 /* slots may come while they are counted */
#define FIRST_WAIT_MS 5 /* then twice as long each time: 155 ms in all */
#define LAST_WAIT_MS 80

static bool is_match(const char *wanted, const CK_UTF8CHAR *field, size_t size) {
  return wanted == NULL || kg_token_field_is(field, size, wanted);
}

static bool is_wanted(const struct kg_pkcs11_uri *uri, const char *serial, const CK_TOKEN_INFO *info) {
  return (info->flags & CKF_TOKEN_INITIALIZED) && is_match(uri->token, info->label, sizeof info->label) &&
         is_match(uri->manufacturer, info->manufacturerID, sizeof info->manufacturerID) &&
         is_match(uri->model, info->model, sizeof info->model) &&
         is_match(serial, info->serialNumber, sizeof info->serialNumber);
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

static enum kg_status not_found(const struct kg_pkcs11_uri *uri, const char *serial, struct kg_error *error) {
  return kg_error_set(error, KG_E_KEY_NOT_FOUND, "no token%s%s%s%s matches the key store's URI",
                      uri->token != NULL ? " token=" : "", uri->token != NULL ? uri->token : "",
                      serial != NULL ? " serial=" : "", serial != NULL ? serial : "");
}

/* A token of this module holds no key of its own: behind a p11-kit server it would only lead back here. */
static bool is_our_own(const CK_TOKEN_INFO *info) {
  return kg_token_field_is(info->manufacturerID, sizeof info->manufacturerID, "keyguard-pkcs11");
}

static enum kg_status only_our_own(const char *module_path, struct kg_error *error) {
  return kg_error_set(
      error, KG_E_CONFIG,
      "behind module-path %s the token of the key store's URI is one of this module itself, which holds "
      "no key: name the token that does",
      module_path);
}

/* The slots with a token, however many there are; free() them. */
static enum kg_status list(const CK_FUNCTION_LIST *f, CK_SLOT_ID **out, CK_ULONG *count, struct kg_error *error) {
  *out = NULL;
  CK_RV rv = CKR_BUFFER_TOO_SMALL;
  for (int i = 0; rv == CKR_BUFFER_TOO_SMALL && i < LIST_ATTEMPTS; i++) {
    free(*out);
    *out = NULL;
    rv = f->C_GetSlotList(CK_TRUE, NULL, count);
    if (rv != CKR_OK || *count == 0) break;
    *out = calloc(*count, sizeof **out);
    if (*out == NULL) return kg_error_no_memory(error, "for %lu slots", (unsigned long)*count);
    CK_ULONG room = *count;
    rv = f->C_GetSlotList(CK_TRUE, *out, count);
    if (rv == CKR_OK && *count > room) *count = room; /* no more than it was given room for, whatever it says */
  }
  if (*out == NULL) *count = 0;
  if (rv == CKR_OK) return KG_OK;
  free(*out);
  *out = NULL;
  return kg_ckr_error(error, "C_GetSlotList", rv);
}

/* A token that cannot be read may be the one: then it is not missing. */
static enum kg_status choose(const struct kg_pkcs11_uri *uri, const char *serial, const CK_FUNCTION_LIST *f,
                             const CK_SLOT_ID *slots, CK_ULONG count, CK_SLOT_ID *slot, CK_TOKEN_INFO *info,
                             struct kg_error *error) {
  bool found = false, own = false;
  CK_RV failure = CKR_OK;
  for (CK_ULONG i = 0; i < count; i++) {
    CK_TOKEN_INFO token;
    memset(&token, 0, sizeof token);
    CK_RV rv = f->C_GetTokenInfo(slots[i], &token);
    if (rv != CKR_OK && !is_absent(rv)) failure = rv;
    if (rv != CKR_OK || !is_wanted(uri, serial, &token)) continue;
    own = own || is_our_own(&token);
    if (is_our_own(&token)) continue;
    if (found) return ambiguous(info, &token, error);
    found = true;
    *slot = slots[i];
    *info = token;
  }
  if (found) return KG_OK;
  if (failure != CKR_OK) return kg_ckr_error(error, "C_GetTokenInfo", failure);
  return own ? only_our_own(uri->module_path, error) : not_found(uri, serial, error);
}

static enum kg_status search(const struct kg_pkcs11_uri *uri, const char *serial, const CK_FUNCTION_LIST *f,
                             CK_SLOT_ID *slot, CK_TOKEN_INFO *info, struct kg_error *error) {
  CK_SLOT_ID *slots = NULL;
  CK_ULONG count = 0;
  enum kg_status status = list(f, &slots, &count, error);
  if (status == KG_OK) status = choose(uri, serial, f, slots, count, slot, info, error);
  free(slots);
  return status;
}

/* As the URI names it, or the token that the key was found on: another one may have the same label. */
static enum kg_status search_same(const struct kg_backing_key *key, const CK_FUNCTION_LIST *f, CK_SLOT_ID *slot,
                                  CK_TOKEN_INFO *info, struct kg_error *error) {
  return search(key->uri, key->serial != NULL ? key->serial : key->uri->serial, f, slot, info, error);
}

/* A token that was there a moment ago and is not now may be in the middle of being written by another process: SoftHSM2
 * (2.6.1) empties the file that makes the token at every login. Where it stays away its place may have been taken by
 * another device with the same key: whoever opens a session there compares the key before it is used. */
enum kg_status kg_backing_find_slot(struct kg_backing_key *key, struct kg_backing *backing, CK_SLOT_ID *slot,
                                    CK_TOKEN_INFO *info, struct kg_error *error) {
  const struct kg_clock *clock = kg_clock_system();
  enum kg_status status = search_same(key, backing->f, slot, info, error);
  for (int64_t wait_ms = FIRST_WAIT_MS; key->has_token && wait_ms <= LAST_WAIT_MS; wait_ms *= 2) {
    if (status != KG_E_KEY_NOT_FOUND) break;
    clock->sleep_ms(clock->context, wait_ms);
    status = search_same(key, backing->f, slot, info, error);
  }
  if (status != KG_E_KEY_NOT_FOUND || key->serial == NULL) return status;
  struct kg_error other = {0};
  enum kg_status in_its_place = search(key->uri, NULL, backing->f, slot, info, &other);
  if (in_its_place == KG_E_KEY_NOT_FOUND) return status; /* and the error names the one that is missed */
  if (in_its_place != KG_OK) (void)kg_error_copy(error, &other);
  return in_its_place;
}
