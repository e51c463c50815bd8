/* What an application is told when its call was right and our side failed: whatever a token's library answers, wherever
 * in a signature, and whatever is wrong with a key store's configuration, the code is one that the standard allows for
 * the function, and none that blames the application. */
#include "host.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

/* PKCS#11 3.0 sections 5.13.2 and 5.15.2, less what says that the application is at fault; and CKR_KEY_HANDLE_INVALID,
 * which docs/conformance.md explains. */
static const CK_RV sign_may[] = {CKR_HOST_MEMORY,       CKR_DEVICE_ERROR,      CKR_DEVICE_MEMORY,
                                 CKR_FUNCTION_FAILED,   CKR_GENERAL_ERROR,     CKR_FUNCTION_REJECTED,
                                 CKR_DEVICE_REMOVED,    CKR_FUNCTION_CANCELED, CKR_TOKEN_RESOURCE_EXCEEDED,
                                 CKR_KEY_HANDLE_INVALID};
static const CK_RV verify_may[] = {
    CKR_HOST_MEMORY,    CKR_DEVICE_ERROR,      CKR_DEVICE_MEMORY,           CKR_FUNCTION_FAILED,   CKR_GENERAL_ERROR,
    CKR_DEVICE_REMOVED, CKR_FUNCTION_CANCELED, CKR_TOKEN_RESOURCE_EXCEEDED, CKR_KEY_HANDLE_INVALID};

static struct host *host;
static struct fake_token *fake;
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE private_key, public_key;
static CK_BYTE good[256];

/* What the library answers, and in which function; once the session of before is lost, so that another is opened. */
static _Atomic(const char *) failing;
static atomic_ulong code;
static atomic_bool lose_first;

static CK_RV answer(const char *function) {
  bool begins = strcmp(function, "C_SignInit") == 0 || strcmp(function, "C_VerifyInit") == 0;
  if (begins && atomic_exchange(&lose_first, false)) return CKR_SESSION_HANDLE_INVALID;
  return strcmp(function, atomic_load(&failing)) == 0 ? atomic_load(&code) : CKR_OK;
}

static bool is_among(CK_RV rv, const CK_RV *list, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (list[i] == rv) return true;
  return false;
}

static void expect_allowed(const char *function, CK_RV given, const char *called, CK_RV got, const CK_RV *list,
                           size_t count) {
  if (got == CKR_OK || is_among(got, list, count)) return;
  fprintf(stderr, "where %s answered 0x%lx, %s was 0x%lx\n", function, given, called, got);
  must(false);
}

static CK_RV verify(const CK_BYTE signature[256]) {
  CK_RV rv = host->p11->C_VerifyInit(session, &host_pss, public_key);
  return rv == CKR_OK ? host->p11->C_Verify(session, host_digest, 32, (CK_BYTE *)signature, 256) : rv;
}

/* The standard's codes, and one of a vendor's. */
static const struct {
  CK_RV first, last;
} ranges[] = {{0x01, 0x21},   {0x30, 0x32},   {0x40, 0x41},   {0x50, 0x54},
              {0x60, 0x6a},   {0x70, 0x71},   {0x82, 0x82},   {0x90, 0x91},
              {0xa0, 0xa4},   {0xb0, 0xb9},   {0xc0, 0xc1},   {0xd0, 0xd1},
              {0xe0, 0xe2},   {0xf0, 0xf2},   {0x100, 0x106}, {0x110, 0x115},
              {0x120, 0x121}, {0x130, 0x130}, {0x140, 0x141}, {0x150, 0x150},
              {0x160, 0x160}, {0x170, 0x170}, {0x180, 0x180}, {0x190, 0x191},
              {0x1a0, 0x1a1}, {0x1b0, 0x1ba}, {0x200, 0x205}, {0x80004b47, 0x80004b47}};

/* Those at which a session is waited for take ten seconds each, and have
 * their test: unit.limit. */
static bool is_waited_for(const char *function, CK_RV rv) {
  return strcmp(function, "C_OpenSession") == 0 && (rv == CKR_SESSION_COUNT || rv == CKR_DEVICE_MEMORY ||
                                                    rv == CKR_HOST_MEMORY || rv == CKR_TOKEN_RESOURCE_EXCEEDED);
}

static void sign_where(const char *function, CK_RV rv) {
  CK_BYTE signature[256];
  atomic_store(&lose_first, strcmp(function, "C_Sign") != 0);
  CK_RV got = host_sign(host, session, private_key, signature);
  expect_allowed(function, rv, "C_Sign", got, sign_may, sizeof sign_may / sizeof sign_may[0]);
}

static void verify_where(const char *function, CK_RV rv) {
  atomic_store(&lose_first, strcmp(function, "C_Verify") != 0);
  CK_RV got = verify(good);
  bool says_no = strcmp(function, "C_Verify") == 0 && got == CKR_SIGNATURE_INVALID; /* the answer to the question */
  if (!says_no) expect_allowed(function, rv, "C_Verify", got, verify_may, sizeof verify_may / sizeof verify_may[0]);
}

/* SoftHSM2 logs out with the last session, and a login takes it longer than all else: one of the host's own stays. */
static void stay_logged_in(void) {
  void *library = dlopen(KG_FAKE_TOKEN, RTLD_NOW | RTLD_LOCAL);
  CK_C_GetFunctionList get = NULL;
  *(void **)&get = dlsym(library, "C_GetFunctionList");
  CK_FUNCTION_LIST *f = NULL;
  CK_SLOT_ID slots[4];
  CK_ULONG count = 4;
  must_be(CKR_OK, get(&f));
  must_be(CKR_OK, f->C_GetSlotList(CK_TRUE, slots, &count));
  CK_SESSION_HANDLE held;
  must_be(CKR_OK, f->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &held));
}

static void answer_with(const char *function, CK_RV rv) {
  if (is_waited_for(function, rv)) return;
  atomic_store(&code, rv);
  if (strncmp(function, "C_Verify", 8) != 0) sign_where(function, rv);
  if (strncmp(function, "C_Sign", 6) != 0) verify_where(function, rv);
}

static void every_answer_of_a_library_is_translated(void) {
  static const char *const functions[] = {
      "C_OpenSession", "C_FindObjectsInit", "C_GetAttributeValue", "C_SignInit", "C_Sign", "C_VerifyInit", "C_Verify"};
  must_be(CKR_OK, host_sign(host, session, private_key, good));
  stay_logged_in();
  atomic_store(&failing, "");
  atomic_store(&fake->decide, answer);
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
    atomic_store(&failing, functions[i]);
    for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++)
      for (CK_RV rv = ranges[r].first; rv <= ranges[r].last; rv++)
        answer_with(functions[i], rv);
  }
  atomic_store(&failing, "");
  CK_BYTE signature[256];
  must_be(CKR_OK, host_sign(host, session, private_key, signature));
  must_be(CKR_OK, verify(signature));
}

/* The token's word on data that an application chose freely is the application's to hear. */
static void data_that_the_token_refuses_is_named(void) {
  static const CK_RV answers[] = {CKR_DATA_INVALID, CKR_DATA_LEN_RANGE};
  CK_MECHANISM bare = {CKM_RSA_PKCS, NULL, 0};
  CK_BYTE signature[256], data[51] = {0};
  for (size_t i = 0; i < 2; i++) {
    CK_ULONG size = sizeof signature;
    atomic_store(&fake->fail_sign, answers[i]);
    must_be(CKR_OK, host->p11->C_SignInit(session, &bare, private_key));
    must_be(answers[i], host->p11->C_Sign(session, data, sizeof data, signature, &size));
  }
}

/* A configuration that only a signature finds out about: the application's call was right. (The first case: SoftHSM2 is
 * one for the whole process, and asks nobody for a PIN once somebody has logged in.) */
static void a_wrong_key_store_is_not_the_applications_fault(void) {
  static const struct {
    const char *name;
    CK_RV expected;
  } stores[] = {{"ourselves", CKR_FUNCTION_FAILED},
                {"absent", CKR_DEVICE_ERROR},
                {"pinless", CKR_FUNCTION_REJECTED},
                {"writable", CKR_FUNCTION_REJECTED},
                {"keyless", CKR_KEY_HANDLE_INVALID}};
  for (size_t i = 0; i < sizeof stores / sizeof stores[0]; i++) {
    CK_SESSION_HANDLE other;
    CK_BYTE signature[256];
    CK_SLOT_ID slot = host_slot(host, stores[i].name);
    must_be(CKR_OK, host->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &other));
    must_be(stores[i].expected, host_sign(host, other, host_find(host, other, CKO_PRIVATE_KEY), signature));
    must_be(CKR_OK, host->p11->C_CloseSession(other));
  }
}

/* Takes `uri`. */
static void add_store(const char *name, char *uri) {
  struct host_identity *identity = host_add(host, name);
  free(identity->uri);
  identity->uri = uri;
}

static char *uri_of(const char *object, const char *module_path) {
  char text[1024];
  must(snprintf(text, sizeof text, "pkcs11:token=backing;object=%s?module-path=%s", object, module_path) > 0);
  return strdup(text);
}

static void add_stores(void) {
  char absent[512], *writable = kg_softhsm_write(host->softhsm, "writable.so", "others may write it\n", 0666);
  must(snprintf(absent, sizeof absent, "%s/absent.so", host->softhsm->folder) > 0);
  add_store("ourselves", uri_of("x", KG_MODULE_PATH));
  add_store("absent", uri_of("x", absent));
  add_store("pinless", uri_of("pinless", host->softhsm->library));
  add_store("writable", uri_of("x", writable));
  add_store("keyless", kg_softhsm_uri(host->softhsm, NULL, "backing", "no-such-key"));
  free(writable);
}

int main(int argc, char **argv) {
  static const struct host_case cases[] = {
      {"/codes/a_wrong_key_store_is_not_the_applications_fault", a_wrong_key_store_is_not_the_applications_fault},
      {"/codes/data_that_the_token_refuses_is_named", data_that_the_token_refuses_is_named},
      {"/codes/every_answer_of_a_library_is_translated", every_answer_of_a_library_is_translated}};
  host = host_new();
  fake = host_fake_token();
  (void)host_add_fake(host, "fake");
  add_stores();
  host_configure(host);
  host_start(host);
  must_be(CKR_OK, host->p11->C_OpenSession(host_slot(host, "fake"), CKF_SERIAL_SESSION, NULL, NULL, &session));
  private_key = host_find(host, session, CKO_PRIVATE_KEY);
  public_key = host_find(host, session, CKO_PUBLIC_KEY);
  return host_finish(&host, argc, argv, cases, sizeof cases / sizeof cases[0]);
}
