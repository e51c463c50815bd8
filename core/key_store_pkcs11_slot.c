#include "core/key_store_pkcs11.h"

#include <string.h>

static size_t trimmed(const CK_UTF8CHAR *field, size_t size) {
  while (size > 0 && (field[size - 1] == ' ' || field[size - 1] == '\0'))
    size--;
  return size;
}

static bool is_match(const char *wanted, const CK_UTF8CHAR *field, size_t size) {
  return wanted == NULL || kg_span_equal(kg_span_text(wanted), kg_span_of(field, trimmed(field, size)));
}

static bool is_wanted(const struct kg_uri *uri, const CK_TOKEN_INFO *info) {
  return (info->flags & CKF_TOKEN_INITIALIZED) && is_match(uri->token, info->label, sizeof info->label) &&
         is_match(uri->manufacturer, info->manufacturerID, sizeof info->manufacturerID) &&
         is_match(uri->model, info->model, sizeof info->model) &&
         is_match(uri->serial, info->serialNumber, sizeof info->serialNumber);
}

static enum kg_status ambiguous(const CK_TOKEN_INFO *a, const CK_TOKEN_INFO *b, struct kg_error *error) {
  return kg_error_set(
      error, KG_E_CONFIG,
      "two tokens match the key store's URI: \"%.*s\" serial \"%.*s\" and \"%.*s\" serial \"%.*s\"; name "
      "one with token= or serial=",
      (int)trimmed(a->label, sizeof a->label), (const char *)a->label,
      (int)trimmed(a->serialNumber, sizeof a->serialNumber), (const char *)a->serialNumber,
      (int)trimmed(b->label, sizeof b->label), (const char *)b->label,
      (int)trimmed(b->serialNumber, sizeof b->serialNumber), (const char *)b->serialNumber);
}

static enum kg_status search(const struct kg_uri *uri, const CK_FUNCTION_LIST *f, const CK_SLOT_ID *slots,
                             CK_ULONG count, CK_SLOT_ID *slot, CK_TOKEN_INFO *info, struct kg_error *error) {
  bool found = false;
  for (CK_ULONG i = 0; i < count; i++) {
    CK_TOKEN_INFO token;
    memset(&token, 0, sizeof token);
    /* A token that has just been pulled out, or cannot be read, is not the one we look for. */
    if (f->C_GetTokenInfo(slots[i], &token) != CKR_OK || !is_wanted(uri, &token)) continue;
    if (found) return ambiguous(info, &token, error);
    found = true;
    *slot = slots[i];
    *info = token;
  }
  if (found) return KG_OK;
  return kg_error_set(error, KG_E_KEY_NOT_FOUND, "no token%s%s%s%s matches the key store's URI",
                      uri->token != NULL ? " token=" : "", uri->token != NULL ? uri->token : "",
                      uri->serial != NULL ? " serial=" : "", uri->serial != NULL ? uri->serial : "");
}

enum kg_status kg_token_find(struct kg_token_key *key, struct kg_backing *backing, CK_SLOT_ID *slot,
                             CK_TOKEN_INFO *info, struct kg_error *error) {
  CK_SLOT_ID slots[KG_SLOTS_MAX];
  CK_ULONG count = KG_SLOTS_MAX;
  CK_RV rv = backing->f->C_GetSlotList(CK_TRUE, slots, &count);
  if (rv != CKR_OK) return kg_token_error(error, "C_GetSlotList", rv);
  return search(&key->uri, backing->f, slots, count, slot, info, error);
}
