/* The Baseline Provider profile: a token can be found, described, opened and searched. */
#include "profile.h"

#include <string.h>

static struct host *host;

/* BL-M-1-31 */
static void mandatory_test_case(void) {
  CK_BBOOL yes = CK_TRUE;
  CK_ATTRIBUTE token_objects = {CKA_TOKEN, &yes, sizeof yes};
  profile_initialize(host);
  CK_SLOT_ID slot = profile_first_slot(host);
  profile_slot_and_token_info(host, slot);
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_OK, host->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
  CK_OBJECT_HANDLE object = 0;
  must(profile_find(host, session, &token_objects, 1, &object, 1) == 1);
  profile_finish(host, slot, session);
}

/* The profile's functions, through the list that clients of 2.40 know. */
static void also_through_the_list_of_2_40(void) {
  CK_FUNCTION_LIST *list = NULL;
  must_be(CKR_OK, host->p11->C_GetFunctionList(&list));
  must(list->version.major == 2 && list->version.minor == 40);
  must_be(CKR_OK, list->C_Initialize(NULL));
  CK_SLOT_ID slot = 0;
  CK_ULONG count = 1;
  must_be(CKR_OK, list->C_GetSlotList(CK_TRUE, &slot, &count));
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_OK, list->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
  CK_SESSION_INFO info;
  memset(&info, 0xff, sizeof info);
  must_be(CKR_OK, list->C_GetSessionInfo(session, &info));
  must(info.slotID == slot && info.state == CKS_RO_PUBLIC_SESSION);
  must(info.flags == CKF_SERIAL_SESSION && info.ulDeviceError == 0);
  must_be(CKR_OK, list->C_CloseSession(session));
  must_be(CKR_SESSION_HANDLE_INVALID, list->C_GetSessionInfo(session, &info));
  must_be(CKR_OK, list->C_Finalize(NULL));
}

static CK_ULONG count_profiles(CK_SESSION_HANDLE session, CK_RV (*begin)(CK_SESSION_HANDLE, CK_ATTRIBUTE *, CK_ULONG),
                               CK_ATTRIBUTE *wanted, CK_ULONG count) {
  CK_OBJECT_HANDLE objects[32];
  CK_ULONG found = 0;
  must_be(CKR_OK, begin(session, wanted, count));
  must_be(CKR_OK, host->p11->C_FindObjects(session, objects, 32, &found));
  must_be(CKR_OK, host->p11->C_FindObjectsFinal(session));
  CK_ULONG profiles = 0;
  for (CK_ULONG i = 0; i < found; i++)
    profiles += profile_number(host, session, objects[i], CKA_CLASS) == CKO_PROFILE;
  must(wanted != NULL || found > profiles);
  return profiles;
}

/* Clients of 2.40 that list everything end at a class that they do not know (graphene, older python-pkcs11). */
static void profiles_are_shown_to_those_who_know_them(void) {
  CK_FUNCTION_LIST *list = NULL;
  must_be(CKR_OK, host->p11->C_GetFunctionList(&list));
  must_be(CKR_OK, list->C_Initialize(NULL));
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_OBJECT_CLASS class = CKO_PROFILE;
  CK_ULONG id = CKP_BASELINE_PROVIDER;
  CK_BBOOL yes = CK_TRUE;
  CK_ATTRIBUTE by_class = {CKA_CLASS, &class, sizeof class}, by_id = {CKA_PROFILE_ID, &id, sizeof id},
               any = {CKA_TOKEN, &yes, sizeof yes};
  must(count_profiles(session, list->C_FindObjectsInit, NULL, 0) == 0);
  must(count_profiles(session, list->C_FindObjectsInit, &any, 1) == 0);
  must(count_profiles(session, list->C_FindObjectsInit, &by_class, 1) == 4);
  must(count_profiles(session, list->C_FindObjectsInit, &by_id, 1) == 1);
  must(count_profiles(session, host->p11->C_FindObjectsInit, NULL, 0) == 4);
  must(count_profiles(session, host->p11->C_FindObjectsInit, &any, 1) == 4);
  must(count_profiles(session, host->p11->C_FindObjectsInit, &by_class, 1) == 4);
  must_be(CKR_SESSION_HANDLE_INVALID, list->C_FindObjectsInit(session + 1, NULL, 0));
  must_be(CKR_OK, list->C_Finalize(NULL));
  must_be(CKR_CRYPTOKI_NOT_INITIALIZED, list->C_FindObjectsInit(session, NULL, 0));
}

static void both_interfaces_are_listed(void) {
  CK_ULONG count = 0;
  must_be(CKR_OK, host->p11->C_GetInterfaceList(NULL, &count));
  must(count == 2);
  CK_INTERFACE interfaces[2];
  must_be(CKR_OK, host->p11->C_GetInterfaceList(interfaces, &count));
  for (CK_ULONG i = 0; i < count; i++)
    must(strcmp((const char *)interfaces[i].pInterfaceName, "PKCS 11") == 0 && interfaces[i].flags == 0);
}

static void sessions_need_the_serial_flag(void) {
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_SESSION_PARALLEL_NOT_SUPPORTED,
          host->p11->C_OpenSession(profile_first_slot(host), 0, NULL, NULL, &session));
  must_be(CKR_SLOT_ID_INVALID,
          host->p11->C_OpenSession(profile_first_slot(host) + 1, CKF_SERIAL_SESSION, NULL, NULL, &session));
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

static void is_claimed(void) {
  profile_is_claimed(host, CKP_BASELINE_PROVIDER);
}

static const struct host_case cases[] = {
    {"/baseline/mandatory_test_case", mandatory_test_case},
    {"/baseline/also_through_the_list_of_2_40", also_through_the_list_of_2_40},
    {"/baseline/profiles_are_shown_to_those_who_know_them", profiles_are_shown_to_those_who_know_them},
    {"/baseline/both_interfaces_are_listed", both_interfaces_are_listed},
    {"/baseline/sessions_need_the_serial_flag", sessions_need_the_serial_flag},
    {"/baseline/is_claimed", is_claimed},
};

PROFILE_MAIN(cases)
