/* The Extended Provider profile: mechanisms are listed and described, a user logs in and out. */
#include "profile.h"

#include <string.h>

static struct host *host;

#define ANY_PIN ((CK_UTF8CHAR *)"1234")

static CK_ULONG list_mechanisms(CK_SLOT_ID slot, CK_MECHANISM_TYPE list[32]) {
  CK_ULONG count = 0;
  must_be(CKR_OK, host->p11->C_GetMechanismList(slot, NULL, &count));
  must(count > 0 && count <= 32);
  CK_ULONG again = count;
  must_be(CKR_OK, host->p11->C_GetMechanismList(slot, list, &again));
  must(again == count);
  return count;
}

static bool is_listed(const CK_MECHANISM_TYPE *list, CK_ULONG count, CK_MECHANISM_TYPE type) {
  for (CK_ULONG i = 0; i < count; i++)
    if (list[i] == type) return true;
  return false;
}

/* A digest has no key; a signature has the sizes of the one key that is there, and nothing makes, wraps or decrypts. */
static void mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type) {
  CK_MECHANISM_INFO info;
  memset(&info, 0xff, sizeof info);
  must_be(CKR_OK, host->p11->C_GetMechanismInfo(slot, type, &info));
  if (info.flags & CKF_DIGEST)
    must(info.flags == CKF_DIGEST && info.ulMinKeySize == 0 && info.ulMaxKeySize == 0);
  else
    must(info.flags == (CKF_SIGN | CKF_VERIFY) && info.ulMinKeySize == 2048 && info.ulMaxKeySize == 2048);
}

static void log_in_search_log_out(CK_SESSION_HANDLE session) {
  CK_BBOOL yes = CK_TRUE;
  CK_ATTRIBUTE token_objects = {CKA_TOKEN, &yes, sizeof yes};
  must_be(CKR_OK, host->p11->C_Login(session, CKU_USER, ANY_PIN, 4));
  CK_SESSION_INFO info;
  must_be(CKR_OK, host->p11->C_GetSessionInfo(session, &info));
  must(info.state == CKS_RW_USER_FUNCTIONS && info.flags == (CKF_RW_SESSION | CKF_SERIAL_SESSION));
  CK_OBJECT_HANDLE object = 0;
  must(profile_find(host, session, &token_objects, 1, &object, 1) == 1);
  must_be(CKR_OK, host->p11->C_Logout(session));
  must_be(CKR_OK, host->p11->C_GetSessionInfo(session, &info));
  must(info.state == CKS_RW_PUBLIC_SESSION);
}

/* EXT-M-1-31. It asks about SHA512, RSA_PKCS and RSA_PKCS_KEY_PAIR_GEN; keys are made outside of this token, so the
 * last one is not listed and has no description. */
static void mandatory_test_case(void) {
  profile_initialize(host);
  CK_SLOT_ID slot = profile_first_slot(host);
  profile_slot_and_token_info(host, slot);
  CK_MECHANISM_TYPE list[32];
  CK_ULONG count = list_mechanisms(slot, list);
  must(is_listed(list, count, CKM_SHA512) && is_listed(list, count, CKM_RSA_PKCS));
  mechanism_info(slot, CKM_SHA512);
  must(!is_listed(list, count, CKM_RSA_PKCS_KEY_PAIR_GEN));
  CK_MECHANISM_INFO info;
  must_be(CKR_MECHANISM_INVALID, host->p11->C_GetMechanismInfo(slot, CKM_RSA_PKCS_KEY_PAIR_GEN, &info));
  mechanism_info(slot, CKM_RSA_PKCS);
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_OK, host->p11->C_OpenSession(slot, CKF_RW_SESSION | CKF_SERIAL_SESSION, NULL, NULL, &session));
  log_in_search_log_out(session);
  profile_finish(host, slot, session);
}

static CK_RV begin_signature(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE type) {
  CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, 32};
  CK_MECHANISM plain = {type, NULL, 0}, with_params = {type, &pss, sizeof pss};
  CK_RV rv = host->p11->C_SignInit(session, &plain, key);
  if (rv != CKR_MECHANISM_PARAM_INVALID) return rv; /* else it is one of PSS, and wants those of its hash */
  if (type == CKM_SHA384_RSA_PKCS_PSS) pss = (CK_RSA_PKCS_PSS_PARAMS){CKM_SHA384, CKG_MGF1_SHA384, 48};
  if (type == CKM_SHA512_RSA_PKCS_PSS) pss = (CK_RSA_PKCS_PSS_PARAMS){CKM_SHA512, CKG_MGF1_SHA512, 64};
  return host->p11->C_SignInit(session, &with_params, key);
}

static void every_listed_mechanism_is_described_and_begins(void) {
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  CK_SLOT_ID slot = profile_first_slot(host);
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_OBJECT_HANDLE key = host_find(host, session, CKO_PRIVATE_KEY);
  CK_MECHANISM_TYPE list[32];
  CK_ULONG count = list_mechanisms(slot, list);
  for (CK_ULONG i = 0; i < count; i++) {
    CK_MECHANISM digest = {list[i], NULL, 0};
    bool digests = host->p11->C_DigestInit(session, &digest) == CKR_OK;
    mechanism_info(slot, list[i]);
    must_be(digests ? CKR_MECHANISM_INVALID : CKR_OK, begin_signature(session, key, list[i]));
    must_be(CKR_OK, host->p11->C_SessionCancel(session, CKF_SIGN | CKF_DIGEST));
  }
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

static void slot_events_are_not_waited_for(void) {
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  CK_SLOT_ID slot = 0;
  must_be(CKR_NO_EVENT, host->p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL));
  must_be(CKR_FUNCTION_NOT_SUPPORTED, host->p11->C_WaitForSlotEvent(0, &slot, NULL));
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

static void is_claimed(void) {
  profile_is_claimed(host, CKP_EXTENDED_PROVIDER);
}

static const struct host_case cases[] = {
    {"/extended/mandatory_test_case", mandatory_test_case},
    {"/extended/every_listed_mechanism_is_described_and_begins", every_listed_mechanism_is_described_and_begins},
    {"/extended/slot_events_are_not_waited_for", slot_events_are_not_waited_for},
    {"/extended/is_claimed", is_claimed},
};

PROFILE_MAIN(cases)
