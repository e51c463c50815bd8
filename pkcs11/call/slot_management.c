#include "pkcs11/call/slot_management.h"

#include "core/base/hash.h"
#include "pkcs11/handle.h"
#include "pkcs11/info_text.h"
#include "pkcs11/out_buffer.h"

#include <stdio.h>
#include <string.h>

/* No client may ask for a PIN: never CKF_LOGIN_REQUIRED, and the user's PIN counts as set, or NSS offers to set one.
 * Write protected is what the token is; read-write sessions open all the same, as some clients open no other. */
#define TOKEN_FLAGS (CKF_TOKEN_INITIALIZED | CKF_USER_PIN_INITIALIZED | CKF_WRITE_PROTECTED)

#define PIN_MAX 255

/* Two passes: nothing is allocated, and what was counted is not asked again (the second look is within a second). */
CK_RV kg_slot_call_list(struct kg_slots *slots, CK_BBOOL token_present, CK_SLOT_ID *list, CK_ULONG *count) {
  CK_ULONG room = list != NULL && count != NULL ? *count : 0, found = 0;
  for (size_t i = 0; i < slots->count; i++) {
    if (token_present && !kg_slot_has_token(&slots->items[i])) continue;
    if (found < room) list[found] = slots->items[i].id;
    found++;
  }
  CK_RV rv = CKR_OK;
  (void)kg_out_buffer_judge(list, count, found, &rv);
  return rv;
}

CK_RV kg_slot_call_info(struct kg_slot *slot, CK_SLOT_INFO *info) {
  if (info == NULL) return CKR_ARGUMENTS_BAD;
  memset(info, 0, sizeof *info);
  kg_info_text_pad(info->slotDescription, sizeof info->slotDescription, slot->identity->name);
  kg_info_text_pad(info->manufacturerID, sizeof info->manufacturerID, KG_INFO_MANUFACTURER);
  info->flags = CKF_REMOVABLE_DEVICE | (kg_slot_has_token(slot) ? CKF_TOKEN_PRESENT : 0);
  info->firmwareVersion = info->hardwareVersion = kg_info_version();
  return CKR_OK;
}

/* 16 hex digits of a hash of the name: two identities never share a serial number, one keeps its own. */
static void write_serial(CK_CHAR out[16], const char *name) {
  unsigned char digest[KG_HASH_MAX_SIZE];
  kg_hash_once(KG_HASH_SHA256, kg_span_text(name), digest);
  char text[17];
  for (size_t i = 0; i < 8; i++)
    (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
  memcpy(out, text, 16);
}

static void write_memory(CK_TOKEN_INFO *info) {
  info->ulTotalPublicMemory = info->ulFreePublicMemory = CK_UNAVAILABLE_INFORMATION;
  info->ulTotalPrivateMemory = info->ulFreePrivateMemory = CK_UNAVAILABLE_INFORMATION;
}

static void write_sessions(CK_TOKEN_INFO *info, struct kg_login *login) {
  size_t sessions = 0, rw_sessions = 0;
  kg_login_count(login, &sessions, &rw_sessions);
  info->ulMaxSessionCount = info->ulMaxRwSessionCount = KG_HANDLE_LIMIT;
  info->ulSessionCount = (CK_ULONG)sessions;
  info->ulRwSessionCount = (CK_ULONG)rw_sessions;
}

CK_RV kg_slot_call_token_info(struct kg_slot *slot, CK_TOKEN_INFO *info) {
  if (info == NULL) return CKR_ARGUMENTS_BAD;
  if (!kg_slot_has_token(slot)) return CKR_TOKEN_NOT_PRESENT;
  memset(info, 0, sizeof *info);
  kg_info_text_pad(info->label, sizeof info->label, slot->identity->name);
  kg_info_text_pad(info->manufacturerID, sizeof info->manufacturerID, KG_INFO_MANUFACTURER);
  kg_info_text_pad(info->model, sizeof info->model, KG_INFO_MODEL);
  write_serial(info->serialNumber, slot->identity->name);
  info->flags = TOKEN_FLAGS;
  write_sessions(info, &slot->login);
  info->ulMaxPinLen = PIN_MAX;
  write_memory(info);
  info->hardwareVersion = info->firmwareVersion = kg_info_version();
  kg_info_text_pad(info->utcTime, sizeof info->utcTime, ""); /* no clock on the token */
  return CKR_OK;
}

/* What the token in the slot can do. CKR_TOKEN_NOT_PRESENT. */
static CK_RV read_limits(struct kg_slot *slot, struct kg_mechanism_limits *out) {
  struct kg_generation *generation = kg_refresh_look(&slot->refresh);
  if (generation == NULL) return CKR_TOKEN_NOT_PRESENT;
  *out = generation->limits;
  kg_generation_unref(&generation);
  return CKR_OK;
}

CK_RV kg_slot_call_mechanisms(struct kg_slot *slot, CK_MECHANISM_TYPE *list, CK_ULONG *count) {
  struct kg_mechanism_limits limits;
  CK_RV rv = read_limits(slot, &limits);
  if (rv != CKR_OK) return rv;
  CK_MECHANISM_TYPE all[KG_MECHANISMS_MAX];
  size_t found = kg_mechanism_list(&limits, all);
  if (kg_out_buffer_judge(list, count, (CK_ULONG)found, &rv) == KG_OUT_WRITE) memcpy(list, all, found * sizeof *list);
  return rv;
}

CK_RV kg_slot_call_mechanism_info(struct kg_slot *slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info) {
  struct kg_mechanism_limits limits;
  CK_RV rv = info != NULL ? read_limits(slot, &limits) : CKR_ARGUMENTS_BAD;
  if (rv != CKR_OK) return rv;
  const struct kg_mechanism *row = kg_mechanism_find(type, &limits);
  if (row == NULL) return CKR_MECHANISM_INVALID;
  kg_mechanism_info(row, &limits, info);
  return CKR_OK;
}

/* The module has no thread that could notice an event, and must not keep one of the host's waiting for a file. */
CK_RV kg_slot_call_wait(CK_FLAGS flags, const CK_SLOT_ID *slot, const void *reserved) {
  if (slot == NULL || reserved != NULL) return CKR_ARGUMENTS_BAD;
  return flags & CKF_DONT_BLOCK ? CKR_NO_EVENT : CKR_FUNCTION_NOT_SUPPORTED;
}
