/* The function lists and interfaces: complete, honest about their version, and every entry safe to call with anything.
 */
#include "host.h"

#include <dlfcn.h>
#include <string.h>

static struct host *host;
static CK_C_GetInterface get_interface;
static CK_C_GetInterfaceList get_interface_list;
static CK_C_GetFunctionList get_function_list;
static unsigned long seed = 20260114;

static CK_ULONG random_word(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return seed;
}

/* "anything" is right for words; where a function takes a pointer it must be one, so these are NULL. */
static CK_RV call_with(const struct host_entry *entry, CK_ULONG first) {
  return entry->call(first, 0, 0, 0, 0, 0, 0, 0, 0, 0);
}

static void walk(const CK_FUNCTION_LIST_3_0 *list, size_t count, CK_ULONG first, CK_RV only) {
  struct host_entry entries[HOST_ENTRIES];
  host_entries(list, entries);
  for (size_t i = 0; i < count; i++) {
    if (!host_needs_initialize(entries[i].name)) continue;
    CK_RV rv = call_with(&entries[i], first);
    if (only && rv != only) host_fail(entries[i].name, (int)i, "answer", (unsigned long)rv);
  }
}

static void no_list_has_a_hole(void) {
  CK_FUNCTION_LIST *old = NULL;
  must_be(CKR_OK, get_function_list(&old));
  void *const *words = (void *const *)(const void *)((const char *)old + offsetof(CK_FUNCTION_LIST, C_Initialize));
  for (size_t i = 0; i < 68; i++)
    must(words[i] != NULL);
  words = (void *const *)(const void *)((const char *)host->p11 + offsetof(CK_FUNCTION_LIST_3_0, C_Initialize));
  for (size_t i = 0; i < HOST_ENTRIES; i++)
    must(words[i] != NULL);
}

static void lists_say_their_own_version(void) {
  CK_FUNCTION_LIST *old = NULL;
  must_be(CKR_OK, get_function_list(&old));
  must(old->version.major == 2 && old->version.minor == 40);
  must(host->p11->version.major == 3 && host->p11->version.minor == 0);
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  CK_INFO info;
  must_be(CKR_OK, old->C_GetInfo(&info));
  must(info.cryptokiVersion.major == 2 && info.cryptokiVersion.minor == 40);
  must_be(CKR_OK, host->p11->C_GetInfo(&info));
  must(info.cryptokiVersion.major == 3 && info.cryptokiVersion.minor == 0);
  must(info.flags == 0 && memcmp(info.manufacturerID, "keyguard-pkcs11                 ", 32) == 0);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

static void before_initialize_everything_says_so(void) {
  CK_FUNCTION_LIST *old = NULL;
  must_be(CKR_OK, get_function_list(&old));
  walk(host->p11, HOST_ENTRIES, 0, CKR_CRYPTOKI_NOT_INITIALIZED);
  walk(host->p11, HOST_ENTRIES, 12345, CKR_CRYPTOKI_NOT_INITIALIZED);
  must_be(CKR_CRYPTOKI_NOT_INITIALIZED, old->C_GetInfo(NULL));
}

/* After it: with NULLs, with numbers that are no handles, with a session that was closed, and with one that is open. */
static void entries_survive_wrong_handles(void) {
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  CK_SESSION_HANDLE stale = host_open(host, 0);
  must_be(CKR_OK, host->p11->C_CloseSession(stale));
  CK_SESSION_HANDLE open = host_open(host, CKF_RW_SESSION);
  struct host_entry entries[HOST_ENTRIES];
  host_entries(host->p11, entries);
  for (size_t i = 0; i < HOST_ENTRIES; i++) {
    if (!host_needs_initialize(entries[i].name) || strcmp(entries[i].name, "C_Finalize") == 0) continue;
    if (strcmp(entries[i].name, "C_GetInfo") == 0 || strcmp(entries[i].name, "C_CloseSession") == 0) continue;
    must(call_with(&entries[i], stale) != CKR_OK || strcmp(entries[i].name, "C_GetSlotList") == 0);
    (void)call_with(&entries[i], 0);
    (void)call_with(&entries[i], open);
    for (int n = 0; n < 200; n++)
      (void)call_with(&entries[i], random_word() >> random_word() % 64);
  }
  must_be(CKR_SESSION_HANDLE_INVALID, host->p11->C_CloseSession(stale));
  CK_SESSION_INFO info;
  must_be(CKR_OK, host->p11->C_GetSessionInfo(open, &info));
  host_sign_checked(host, open, host_find(host, open, CKO_PRIVATE_KEY), host->identities[0].key);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

static void unsupported_functions_say_so(void) {
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = host_open(host, 0);
  struct host_entry entries[HOST_ENTRIES];
  host_entries(host->p11, entries);
  size_t unsupported = 0;
  for (size_t i = 0; i < HOST_ENTRIES; i++)
    if (strstr(entries[i].name, "Encrypt") != NULL || strstr(entries[i].name, "Decrypt") != NULL ||
        strstr(entries[i].name, "Message") != NULL || strstr(entries[i].name, "Recover") != NULL) {
      must_be(CKR_FUNCTION_NOT_SUPPORTED, call_with(&entries[i], session));
      unsupported++;
    }
  must(unsupported == 16 + 20);
  must_be(CKR_FUNCTION_NOT_PARALLEL, host->p11->C_GetFunctionStatus(session));
  must_be(CKR_FUNCTION_NOT_PARALLEL, host->p11->C_CancelFunction(session));
  must_be(CKR_RANDOM_NO_RNG, host->p11->C_GenerateRandom(session, host_digest, 1));
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

static void interfaces_are_found_by_name_and_version(void) {
  CK_INTERFACE list[2];
  CK_UTF8CHAR name[] = "PKCS 11";
  CK_ULONG count = 2;
  must_be(CKR_OK, get_interface_list(list, &count));
  must(count == 2);
  CK_INTERFACE *interface = NULL;
  must_be(CKR_OK, get_interface(NULL, NULL, &interface, 0));
  must(interface->pFunctionList == list[0].pFunctionList && ((CK_VERSION *)interface->pFunctionList)->major == 3);
  must_be(CKR_OK, get_interface(name, NULL, &interface, 0));
  must(interface->pFunctionList == list[0].pFunctionList);
  CK_VERSION v3 = {3, 0};
  must_be(CKR_OK, get_interface(name, &v3, &interface, 0));
  must(interface->pFunctionList == list[0].pFunctionList);
  CK_VERSION v2 = {2, 40};
  must_be(CKR_OK, get_interface(name, &v2, &interface, 0));
  must(interface->pFunctionList == list[1].pFunctionList);
  must_be(CKR_ARGUMENTS_BAD, get_interface(name, NULL, NULL, 0));
  must_be(CKR_ARGUMENTS_BAD, get_function_list(NULL));
  must_be(CKR_ARGUMENTS_BAD, get_interface_list(NULL, NULL));
}

static bool is_ours(const CK_UTF8CHAR *name, const CK_VERSION *version, CK_FLAGS flags) {
  bool named = name == NULL || strcmp((const char *)name, "PKCS 11") == 0;
  bool versioned =
      version == NULL || (version->major == 3 && version->minor == 0) || (version->major == 2 && version->minor == 40);
  return named && versioned && (flags & ~(CK_FLAGS)CKF_INTERFACE_FORK_SAFE) == 0;
}

static void unknown_interfaces_are_refused(void) {
  static const char *const names[] = {"PKCS 11", "PKCS 11 ", "PKCS11", "pkcs 11", "", "Vendor", "PKCS 1"};
  for (int i = 0; i < 1000; i++) {
    CK_UTF8CHAR name[16];
    CK_VERSION version = {(CK_BYTE)(random_word() % 5), (CK_BYTE)(random_word() % 3 * 20)};
    CK_FLAGS flags = random_word() % 3 ? 0 : random_word();
    CK_VERSION *asked = random_word() % 4 ? &version : NULL;
    CK_INTERFACE *interface = (CK_INTERFACE *)(void *)&seed, *const untouched = interface;
    strcpy((char *)name, names[random_word() % 7]);
    if (get_interface(name, asked, &interface, flags) == CKR_OK)
      must(is_ours(name, asked, flags) && interface != untouched && interface->pFunctionList != NULL);
    else
      must(interface == untouched && (!is_ours(name, asked, flags) || flags));
  }
}

static const struct host_case cases[] = {
    {"/tables/no_list_has_a_hole", no_list_has_a_hole},
    {"/tables/before_initialize_everything_says_so", before_initialize_everything_says_so},
    {"/tables/lists_say_their_own_version", lists_say_their_own_version},
    {"/tables/entries_survive_wrong_handles", entries_survive_wrong_handles},
    {"/tables/unsupported_functions_say_so", unsupported_functions_say_so},
    {"/interfaces/are_found_by_name_and_version", interfaces_are_found_by_name_and_version},
    {"/interfaces/unknown_ones_are_refused", unknown_interfaces_are_refused},
};

int main(int argc, char **argv) {
  host = host_new();
  host_load(host);
  *(void **)&get_interface = dlsym(host->library, "C_GetInterface");
  *(void **)&get_interface_list = dlsym(host->library, "C_GetInterfaceList");
  *(void **)&get_function_list = dlsym(host->library, "C_GetFunctionList");
  must(get_interface != NULL && get_interface_list != NULL && get_function_list != NULL);
  int status = host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);
  host_free(&host);
  return status;
}
