#include "profile.h"

#include <string.h>

struct host *profile_host(void) {
  struct host *host = host_new();
  host->identities[0].issuers = PROFILE_ISSUERS;
  host_bind(&host->identities[0]);
  host_load(host);
  return host;
}

bool profile_is_padded(const CK_UTF8CHAR *text, size_t size) {
  size_t used = size;
  while (used && text[used - 1] == ' ')
    used--;
  return used > 0 && memchr(text, 0, size) == NULL;
}

void profile_initialize(const struct host *host) {
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  CK_INFO info;
  memset(&info, 0xff, sizeof info);
  must_be(CKR_OK, host->p11->C_GetInfo(&info));
  must(info.cryptokiVersion.major == 3 && info.cryptokiVersion.minor == 0);
  must(profile_is_padded(info.manufacturerID, sizeof info.manufacturerID));
  must(profile_is_padded(info.libraryDescription, sizeof info.libraryDescription));
  must(info.flags == 0);
}

CK_SLOT_ID profile_first_slot(const struct host *host) {
  CK_ULONG count = 0;
  must_be(CKR_OK, host->p11->C_GetSlotList(CK_TRUE, NULL, &count));
  must(count == 1);
  CK_ULONG again = count;
  CK_SLOT_ID slots[8];
  must_be(CKR_OK, host->p11->C_GetSlotList(CK_TRUE, slots, &again));
  must(again == count);
  return slots[0];
}

static void slot_info(const struct host *host, CK_SLOT_ID slot) {
  CK_SLOT_INFO info;
  memset(&info, 0xff, sizeof info);
  must_be(CKR_OK, host->p11->C_GetSlotInfo(slot, &info));
  must(profile_is_padded(info.slotDescription, sizeof info.slotDescription));
  must(profile_is_padded(info.manufacturerID, sizeof info.manufacturerID));
  must(info.flags & CKF_TOKEN_PRESENT);
  must((info.flags & ~(CK_FLAGS)(CKF_TOKEN_PRESENT | CKF_REMOVABLE_DEVICE | CKF_HW_SLOT)) == 0);
}

void profile_slot_and_token_info(const struct host *host, CK_SLOT_ID slot) {
  slot_info(host, slot);
  CK_TOKEN_INFO info;
  memset(&info, 0xff, sizeof info);
  must_be(CKR_OK, host->p11->C_GetTokenInfo(slot, &info));
  must(memcmp(info.label, "web                             ", sizeof info.label) == 0);
  must(profile_is_padded(info.manufacturerID, sizeof info.manufacturerID));
  must(profile_is_padded(info.model, sizeof info.model));
  must(profile_is_padded(info.serialNumber, sizeof info.serialNumber));
  must(info.flags & CKF_TOKEN_INITIALIZED && !(info.flags & (CKF_LOGIN_REQUIRED | CKF_RNG | CKF_CLOCK_ON_TOKEN)));
  must(info.ulMinPinLen <= info.ulMaxPinLen);
  must(info.ulSessionCount == 0 && info.ulRwSessionCount == 0 && info.ulMaxSessionCount > 0);
  must(memchr(info.utcTime, 0, sizeof info.utcTime) == NULL);
}

void profile_finish(const struct host *host, CK_SLOT_ID slot, CK_SESSION_HANDLE session) {
  must_be(CKR_OK, host->p11->C_CloseSession(session));
  must_be(CKR_OK, host->p11->C_CloseAllSessions(slot));
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

CK_ULONG profile_find(const struct host *host, CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count,
                      CK_OBJECT_HANDLE *objects, CK_ULONG room) {
  must_be(CKR_OK, host->p11->C_FindObjectsInit(session, wanted, count));
  CK_ULONG found = 0;
  must_be(CKR_OK, host->p11->C_FindObjects(session, objects, room, &found));
  must_be(CKR_OK, host->p11->C_FindObjectsFinal(session));
  for (CK_ULONG i = 0; i < found; i++)
    must(objects[i] != CK_INVALID_HANDLE);
  return found;
}

CK_OBJECT_HANDLE profile_find_labelled(const struct host *host, CK_SESSION_HANDLE session, CK_OBJECT_CLASS class) {
  CK_BBOOL yes = CK_TRUE;
  CK_ATTRIBUTE wanted[] = {{CKA_TOKEN, &yes, sizeof yes},
                           {CKA_LABEL, host->identities[0].name, strlen(host->identities[0].name)},
                           {CKA_CLASS, &class, sizeof class}};
  CK_OBJECT_HANDLE objects[2];
  must(profile_find(host, session, wanted, 3, objects, 2) == 1);
  return objects[0];
}

CK_BYTE *profile_read(const struct host *host, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                      CK_ATTRIBUTE_TYPE type, CK_ULONG *len) {
  CK_ATTRIBUTE attribute = {type, NULL, 0};
  must_be(CKR_OK, host->p11->C_GetAttributeValue(session, object, &attribute, 1));
  must(attribute.ulValueLen != CK_UNAVAILABLE_INFORMATION);
  *len = attribute.ulValueLen;
  CK_BYTE *value = malloc(*len + 1);
  must(value != NULL);
  attribute.pValue = value;
  must_be(CKR_OK, host->p11->C_GetAttributeValue(session, object, &attribute, 1));
  must(attribute.ulValueLen == *len);
  return value;
}

static void read_fixed(const struct host *host, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                       CK_ATTRIBUTE_TYPE type, void *out, CK_ULONG size) {
  CK_ULONG len = 0;
  CK_BYTE *value = profile_read(host, session, object, type, &len);
  must(len == size);
  memcpy(out, value, size);
  free(value);
}

bool profile_flag(const struct host *host, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_BBOOL flag = 2;
  read_fixed(host, session, object, type, &flag, sizeof flag);
  must(flag == CK_TRUE || flag == CK_FALSE);
  return flag == CK_TRUE;
}

CK_ULONG profile_number(const struct host *host, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                        CK_ATTRIBUTE_TYPE type) {
  CK_ULONG number = 0;
  read_fixed(host, session, object, type, &number, sizeof number);
  return number;
}

void profile_is_claimed(const struct host *host, CK_ULONG profile) {
  CK_OBJECT_CLASS class = CKO_PROFILE;
  CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class}, {CKA_PROFILE_ID, &profile, sizeof profile}};
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_OBJECT_HANDLE objects[2];
  must(profile_find(host, session, wanted, 2, objects, 2) == 1);
  must(profile_number(host, session, objects[0], CKA_PROFILE_ID) == profile);
  must(profile_number(host, session, objects[0], CKA_CLASS) == CKO_PROFILE);
  must(profile_flag(host, session, objects[0], CKA_TOKEN));
  must(!profile_flag(host, session, objects[0], CKA_PRIVATE));
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}
