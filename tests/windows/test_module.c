/* The built keyguard-pkcs11.dll as an application sees it, with a binding for a key in the fake ncrypt.dll. What the
 * module does is compared by means that are not its own: p11-kit's header, BCrypt for the signatures.
 *   test_module PATH-OF-DLL */
#include "core/base/clock.h"
#include "core/base/hash.h"
#include "core/key/key.h"
#include "core/os/file.h"
#include "core/state/binding.h"
#include "core/state/binding_writer.h"
#include "core/state/config.h"
#include "tests/support/open_key.h"
#include "tests/windows/check.h"

#include <stddef.h>
#include <stdlib.h>
#include <windows.h>

#include <bcrypt.h>
#include <p11-kit/pkcs11.h>

#define STORE "cng:name=module-test"
#define SHA256_SIZE 32

static struct kg_error error;
static char folder[MAX_PATH], module_path[MAX_PATH];
static HMODULE module;
static CK_FUNCTION_LIST *p11;
static unsigned char modulus[256];

/* --- an identity as keyguardctl would leave it -------------------------------------------------------------------- */

static void set_bytes(struct kg_buf *out, const void *bytes, size_t length) {
  CHECK(kg_buf_set(out, kg_span_of(bytes, length)) == KG_OK);
}

/* The module reads no DER: these bytes stand for a certificate that only a TLS stack would look into. */
static void fill_certificate(struct kg_binding *binding, int64_t now) {
  static const unsigned char der[] = {0x30, 0x03, 0x02, 0x01, 0x05}, name[] = {0x30, 0x00},
                             serial[] = {0x02, 0x01, 0x07};
  unsigned char id[KG_KEY_ID_SIZE];
  memset(id, 0xAB, sizeof id);
  set_bytes(&binding->leaf.der, der, sizeof der);
  set_bytes(&binding->leaf.subject, name, sizeof name);
  set_bytes(&binding->leaf.issuer, name, sizeof name);
  set_bytes(&binding->leaf.serial, serial, sizeof serial);
  set_bytes(&binding->leaf.id, id, sizeof id);
  binding->leaf.not_before = now - 60, binding->leaf.not_after = now + 7 * 86400;
  CHECK(kg_hash_once(KG_HASH_SHA256, kg_span_of(der, sizeof der), binding->sha256));
  CHECK(kg_hash_once(KG_HASH_SHA1, kg_span_of(der, sizeof der), binding->sha1));
}

static void store_binding(const struct kg_key_info *key) {
  struct kg_binding *binding = calloc(1, sizeof *binding);
  int64_t now = kg_clock_system()->wall(NULL);
  CHECK(binding != NULL);
  binding->identity = kg_strdup("web");
  binding->client_id = kg_strdup("11111111-2222-3333-4444-555555555555");
  binding->tenant_id = kg_strdup("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
  binding->identity_type = kg_strdup("SystemAssigned");
  binding->mtls_authentication_endpoint = kg_strdup("https://localhost:1");
  binding->token_endpoint = kg_strdup("https://localhost:1/t/oauth2/v2.0/token");
  binding->key_store = kg_strdup(STORE);
  binding->attested = true, binding->strength = key->strength;
  binding->key_bits = key->bits, binding->capabilities = key->capabilities;
  set_bytes(&binding->modulus, key->modulus.data, key->modulus.len);
  set_bytes(&binding->exponent, key->exponent.data, key->exponent.len);
  set_bytes(&binding->public_key_info, "\x30\x00", 2);
  binding->issued_at = now;
  fill_certificate(binding, now);
  char *path = kg_binding_path(folder, "web");
  if (kg_binding_store(path, binding, &error) != KG_OK) printf("  %s\n", error.text);
  CHECK(error.status == KG_OK);
  free(path);
  kg_binding_free(&binding);
}

static void write_configuration(void) {
  char path[2 * MAX_PATH];
  snprintf(path, sizeof path, "%s\\keyguard.conf", folder);
  char text[1024];
  snprintf(text, sizeof text,
           "[keyguard]\nstate-dir = %s\n[identity web]\nkey-store = " STORE "\nmtls-proof-of-possession = true\n"
           "with-attestation-support = true\n",
           folder);
  CHECK(kg_file_replace(path, kg_span_text(text), 0644, &error) == KG_OK);
  SetEnvironmentVariableA("KEYGUARD_CONF", path);
}

static void provision(void) {
  kg_error_clear(&error);
  SetEnvironmentVariableA("FAKE_NCRYPT_EPOCH", "1");
  struct kg_key *key = NULL;
  CHECK(open_key_of(STORE, KG_KEY_CREATE, &key, &error) == KG_OK);
  memcpy(modulus, kg_key_info(key)->modulus.data, sizeof modulus);
  write_configuration();
  store_binding(kg_key_info(key));
  kg_key_close(&key);
}

static void load(void) {
  if (module == NULL) module = LoadLibraryA(module_path);
  CHECK(module != NULL);
  FARPROC function = GetProcAddress(module, "C_GetFunctionList");
  CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
  memcpy(&get, &function, sizeof get);
  CHECK(get != NULL && get(&p11) == CKR_OK && p11 != NULL);
}

static void start(void) {
  if (p11 != NULL) p11->C_Finalize(NULL);
  SetEnvironmentVariableA("FAKE_NCRYPT_FAIL", NULL);
  provision();
  load();
  CHECK(p11->C_Initialize(NULL) == CKR_OK);
}

/* --- the file and its structures ---------------------------------------------------------------------------------- */

static void structures_are_packed_to_one_byte(void) {
  static const struct {
    size_t is, expected;
  } sizes[] = {
      {sizeof(CK_ULONG), 4},
      {sizeof(CK_INFO), 72},
      {sizeof(CK_SLOT_INFO), 104},
      {sizeof(CK_TOKEN_INFO), 160},
      {sizeof(CK_MECHANISM), 16},
      {sizeof(CK_ATTRIBUTE), 16},
      {sizeof(CK_SESSION_INFO), 16},
      {sizeof(CK_MECHANISM_INFO), 12},
      {sizeof(CK_FUNCTION_LIST), 546},
      {offsetof(CK_FUNCTION_LIST, C_Initialize), 2},
      {offsetof(CK_MECHANISM, pParameter), 4},
      {offsetof(CK_ATTRIBUTE, pValue), 4},
      {sizeof(CK_RSA_PKCS_PSS_PARAMS), 12},
  };
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    CHECK(sizes[i].is == sizes[i].expected);
}

/* The list's version sits in the first two bytes and every one of the 68 pointers behind it leads into the module. */
static void the_function_list_is_packed_in_the_file(void) {
  const unsigned char *bytes = (const unsigned char *)p11;
  CHECK(bytes[0] == 2 && bytes[1] == 40);
  for (size_t i = 0; i < 68; i++) {
    void *function;
    memcpy(&function, bytes + 2 + i * sizeof function, sizeof function);
    CHECK(function != NULL);
    HMODULE owner = NULL;
    CHECK(GetModuleHandleExA(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                             function, &owner));
    CHECK(owner == module);
  }
}

static void three_functions_are_exported(void) {
  const IMAGE_DOS_HEADER *dos = (const IMAGE_DOS_HEADER *)(void *)module;
  const IMAGE_NT_HEADERS *nt = (const IMAGE_NT_HEADERS *)((const char *)module + dos->e_lfanew);
  const IMAGE_DATA_DIRECTORY *at = &nt->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_EXPORT];
  const IMAGE_EXPORT_DIRECTORY *exports = (const void *)((const char *)module + at->VirtualAddress);
  const DWORD *names = (const void *)((const char *)module + exports->AddressOfNames);
  static const char *const expected[] = {"C_GetFunctionList", "C_GetInterface", "C_GetInterfaceList"};
  CHECK(exports->NumberOfNames == 3 && exports->NumberOfFunctions == 3);
  for (DWORD i = 0; i < 3; i++)
    CHECK(strcmp((const char *)module + names[i], expected[i]) == 0);
  CHECK(nt->OptionalHeader.DllCharacteristics & IMAGE_DLLCHARACTERISTICS_NX_COMPAT);
  CHECK(nt->OptionalHeader.DllCharacteristics & IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE);
}

/* --- what an application does --------------------------------------------------------------------------------------
 */

static CK_SESSION_HANDLE open_session(void) {
  CK_SLOT_ID slots[4];
  CK_ULONG count = 4;
  CHECK(p11->C_GetSlotList(CK_TRUE, slots, &count) == CKR_OK);
  CHECK(count == 1);
  CK_TOKEN_INFO token;
  CHECK(p11->C_GetTokenInfo(slots[0], &token) == CKR_OK);
  CHECK(memcmp(token.label, "web                             ", 32) == 0);
  CHECK(!(token.flags & CKF_LOGIN_REQUIRED) && token.flags & CKF_TOKEN_INITIALIZED);
  CK_SESSION_HANDLE session = 0;
  CHECK(p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session) == CKR_OK);
  return session;
}

static CK_OBJECT_HANDLE find(CK_SESSION_HANDLE session, CK_OBJECT_CLASS class) {
  CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, (void *)(uintptr_t) "web", 3}};
  CHECK(p11->C_FindObjectsInit(session, template, 2) == CKR_OK);
  CK_ULONG count = 0;
  CK_OBJECT_HANDLE found[4];
  CHECK(p11->C_FindObjects(session, found, 4, &count) == CKR_OK);
  CHECK(p11->C_FindObjectsFinal(session) == CKR_OK);
  CHECK(count == 1);
  return found[0];
}

static void sha256(const char *text, unsigned char digest[SHA256_SIZE]) {
  BCRYPT_ALG_HANDLE algorithm = NULL;
  CHECK(BCryptOpenAlgorithmProvider(&algorithm, BCRYPT_SHA256_ALGORITHM, NULL, 0) == 0);
  BCRYPT_HASH_HANDLE hash = NULL;
  CHECK(BCryptCreateHash(algorithm, &hash, NULL, 0, NULL, 0, 0) == 0);
  CHECK(BCryptHashData(hash, (PUCHAR)(uintptr_t)text, (ULONG)strlen(text), 0) == 0);
  CHECK(BCryptFinishHash(hash, digest, SHA256_SIZE, 0) == 0);
  BCryptDestroyHash(hash);
  BCryptCloseAlgorithmProvider(algorithm, 0);
}

/* With the public key as the module shows it. */
static int is_good(CK_SESSION_HANDLE session, const char *text, void *padding, ULONG flags, CK_BYTE *signature) {
  unsigned char blob[sizeof(BCRYPT_RSAKEY_BLOB) + 3 + 256];
  BCRYPT_RSAKEY_BLOB head = {BCRYPT_RSAPUBLIC_MAGIC, 2048, 3, 256, 0, 0};
  memcpy(blob, &head, sizeof head);
  CK_ATTRIBUTE wanted[] = {{CKA_PUBLIC_EXPONENT, blob + sizeof head, 3}, {CKA_MODULUS, blob + sizeof head + 3, 256}};
  CHECK(p11->C_GetAttributeValue(session, find(session, CKO_PUBLIC_KEY), wanted, 2) == CKR_OK);
  CHECK(wanted[1].ulValueLen == 256 && memcmp(wanted[1].pValue, modulus, 256) == 0);
  unsigned char digest[SHA256_SIZE];
  sha256(text, digest);
  BCRYPT_ALG_HANDLE algorithm = NULL;
  CHECK(BCryptOpenAlgorithmProvider(&algorithm, BCRYPT_RSA_ALGORITHM, NULL, 0) == 0);
  BCRYPT_KEY_HANDLE key = NULL;
  CHECK(BCryptImportKeyPair(algorithm, NULL, BCRYPT_RSAPUBLIC_BLOB, &key, blob, sizeof blob, 0) == 0);
  NTSTATUS status = BCryptVerifySignature(key, padding, digest, sizeof digest, signature, 256, flags);
  BCryptDestroyKey(key);
  BCryptCloseAlgorithmProvider(algorithm, 0);
  return status == 0;
}

static int is_good_pkcs1(CK_SESSION_HANDLE session, const char *text, CK_BYTE *signature) {
  BCRYPT_PKCS1_PADDING_INFO padding = {BCRYPT_SHA256_ALGORITHM};
  return is_good(session, text, &padding, BCRYPT_PAD_PKCS1, signature);
}

static int is_good_pss(CK_SESSION_HANDLE session, const char *text, CK_BYTE *signature) {
  BCRYPT_PSS_PADDING_INFO padding = {BCRYPT_SHA256_ALGORITHM, SHA256_SIZE};
  return is_good(session, text, &padding, BCRYPT_PAD_PSS, signature);
}

static void objects_are_found_and_the_key_stays_inside(void) {
  CK_SESSION_HANDLE session = open_session();
  CK_BBOOL sensitive = 0, extractable = 1;
  CK_ATTRIBUTE flags[] = {{CKA_SENSITIVE, &sensitive, 1}, {CKA_EXTRACTABLE, &extractable, 1}};
  CK_OBJECT_HANDLE key = find(session, CKO_PRIVATE_KEY);
  CHECK(p11->C_GetAttributeValue(session, key, flags, 2) == CKR_OK && sensitive && !extractable);
  CK_ATTRIBUTE secret = {CKA_PRIVATE_EXPONENT, NULL, 0};
  CHECK(p11->C_GetAttributeValue(session, key, &secret, 1) == CKR_ATTRIBUTE_SENSITIVE);
  CHECK(secret.ulValueLen == CK_UNAVAILABLE_INFORMATION);
  CK_BYTE id[2][64];
  CK_ATTRIBUTE key_id = {CKA_ID, id[0], 64};
  CHECK(p11->C_GetAttributeValue(session, key, &key_id, 1) == CKR_OK);
  CK_ATTRIBUTE certificate_id = {CKA_ID, id[1], 64};
  CHECK(p11->C_GetAttributeValue(session, find(session, CKO_CERTIFICATE), &certificate_id, 1) == CKR_OK);
  CHECK(key_id.ulValueLen == 20 && certificate_id.ulValueLen == 20 && memcmp(id[0], id[1], 20) == 0);
  CHECK(p11->C_CloseSession(session) == CKR_OK);
}

static void signs_a_digest_info(void) {
  static const unsigned char prefix[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                         0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
  CK_SESSION_HANDLE session = open_session();
  CK_BYTE input[sizeof prefix + SHA256_SIZE];
  memcpy(input, prefix, sizeof prefix);
  sha256("hello", input + sizeof prefix);
  CK_MECHANISM mechanism = {CKM_RSA_PKCS, NULL, 0};
  CHECK(p11->C_SignInit(session, &mechanism, find(session, CKO_PRIVATE_KEY)) == CKR_OK);
  CK_ULONG length = 1;
  CHECK(p11->C_Sign(session, input, sizeof input, NULL, &length) == CKR_OK && length == 256);
  length = 255;
  CK_BYTE signature[256];
  CHECK(p11->C_Sign(session, input, sizeof input, signature, &length) == CKR_BUFFER_TOO_SMALL && length == 256);
  CHECK(p11->C_Sign(session, input, sizeof input, signature, &length) == CKR_OK && length == 256);
  CHECK(is_good_pkcs1(session, "hello", signature) && !is_good_pkcs1(session, "hallo", signature));
  input[3] ^= 1;
  CHECK(p11->C_SignInit(session, &mechanism, find(session, CKO_PRIVATE_KEY)) == CKR_OK);
  CHECK(p11->C_Sign(session, input, sizeof input, signature, &length) != CKR_OK);
}

static void signs_pss(void) {
  CK_RSA_PKCS_PSS_PARAMS parameters = {CKM_SHA256, CKG_MGF1_SHA256, SHA256_SIZE};
  CK_MECHANISM mechanism = {CKM_RSA_PKCS_PSS, &parameters, sizeof parameters};
  CK_SESSION_HANDLE session = open_session();
  CK_BYTE digest[SHA256_SIZE], signature[256];
  CK_ULONG length = sizeof signature;
  sha256("hello", digest);
  CHECK(p11->C_SignInit(session, &mechanism, find(session, CKO_PRIVATE_KEY)) == CKR_OK);
  CHECK(p11->C_Sign(session, digest, sizeof digest, signature, &length) == CKR_OK && length == 256);
  CHECK(is_good_pss(session, "hello", signature));
  parameters.sLen = 20; /* the store salts with the digest's length only */
  CHECK(p11->C_SignInit(session, &mechanism, find(session, CKO_PRIVATE_KEY)) == CKR_MECHANISM_PARAM_INVALID);
}

static void hashes_in_parts(void) {
  CK_RSA_PKCS_PSS_PARAMS parameters = {CKM_SHA256, CKG_MGF1_SHA256, SHA256_SIZE};
  CK_MECHANISM mechanisms[] = {{CKM_SHA256_RSA_PKCS, NULL, 0},
                               {CKM_SHA256_RSA_PKCS_PSS, &parameters, sizeof parameters}};
  CK_SESSION_HANDLE session = open_session();
  CK_BYTE signature[256];
  for (int i = 0; i < 2; i++) {
    CK_ULONG length = sizeof signature;
    CHECK(p11->C_SignInit(session, &mechanisms[i], find(session, CKO_PRIVATE_KEY)) == CKR_OK);
    CHECK(p11->C_SignUpdate(session, (CK_BYTE *)(uintptr_t) "hel", 3) == CKR_OK);
    CHECK(p11->C_SignUpdate(session, (CK_BYTE *)(uintptr_t) "lo", 2) == CKR_OK);
    CHECK(p11->C_SignFinal(session, signature, &length) == CKR_OK && length == 256);
    CHECK(i ? is_good_pss(session, "hello", signature) : is_good_pkcs1(session, "hello", signature));
  }
  /* One that is given up in the middle. */
  CHECK(p11->C_SignInit(session, &mechanisms[0], find(session, CKO_PRIVATE_KEY)) == CKR_OK);
  CHECK(p11->C_SignUpdate(session, (CK_BYTE *)(uintptr_t) "hel", 3) == CKR_OK);
  CHECK(p11->C_CloseSession(session) == CKR_OK);
}

static CK_RV sign_something(CK_SESSION_HANDLE session) {
  CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
  CK_BYTE signature[256];
  CK_ULONG length = sizeof signature;
  CK_RV rv = p11->C_SignInit(session, &mechanism, find(session, CKO_PRIVATE_KEY));
  return rv == CKR_OK ? p11->C_Sign(session, (CK_BYTE *)(uintptr_t) "x", 1, signature, &length) : rv;
}

/* 33, 92: after a reboot the certificate is there and its key is dead, in each of the four ways. */
static void a_dead_key_is_an_error_and_no_crash(void) {
  static const char *const deaths[] = {"gone", "empty", "undecryptable", "zombie", "replaced"};
  for (size_t i = 0; i < sizeof deaths / sizeof deaths[0]; i++) {
    start();
    CK_SESSION_HANDLE session = open_session();
    SetEnvironmentVariableA("FAKE_NCRYPT_EPOCH", "2");
    SetEnvironmentVariableA("FAKE_NCRYPT_DEATH", deaths[i]);
    CK_RV rv = sign_something(session);
    SetEnvironmentVariableA("FAKE_NCRYPT_DEATH", NULL);
    CHECK(rv != CKR_OK && rv != CKR_GENERAL_ERROR && rv != CKR_HOST_MEMORY);
    printf("  %s: 0x%lx\n", deaths[i], rv);
  }
}

static void a_key_that_dies_under_a_session_is_an_error(void) {
  CK_SESSION_HANDLE session = open_session();
  CHECK(sign_something(session) == CKR_OK);
  SetEnvironmentVariableA("FAKE_NCRYPT_FAIL", "NCryptSignHash=0x8009003A");
  CHECK(sign_something(session) != CKR_OK);
  SetEnvironmentVariableA("FAKE_NCRYPT_FAIL", NULL);
  CHECK(sign_something(session) == CKR_OK);
}

static void no_configuration_is_no_slot(void) {
  char path[2 * MAX_PATH];
  snprintf(path, sizeof path, "%s\\keyguard.conf", folder);
  CHECK(p11->C_Finalize(NULL) == CKR_OK);
  CHECK(DeleteFileA(path));
  CHECK(p11->C_Initialize(NULL) == CKR_OK);
  CK_ULONG count = 7;
  CHECK(p11->C_GetSlotList(CK_TRUE, NULL, &count) == CKR_OK && count == 0);
}

/* A guest is silent: the whole test program's standard error would show it, so only count what the module is told. */
static void initialises_for_every_kind_of_host(void) {
  CHECK(p11->C_Initialize(NULL) == CKR_CRYPTOKI_ALREADY_INITIALIZED);
  CHECK(p11->C_Finalize(NULL) == CKR_OK);
  CK_C_INITIALIZE_ARGS os_locks = {NULL, NULL, NULL, NULL, CKF_OS_LOCKING_OK, NULL};
  CHECK(p11->C_Initialize(&os_locks) == CKR_OK && p11->C_Finalize(NULL) == CKR_OK);
  CK_C_INITIALIZE_ARGS no_threads = {NULL, NULL, NULL, NULL, CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS,
                                     NULL};
  CHECK(p11->C_Initialize(&no_threads) == CKR_OK && p11->C_Finalize(NULL) == CKR_OK);
  CHECK(p11->C_Finalize(NULL) == CKR_CRYPTOKI_NOT_INITIALIZED);
  CHECK(p11->C_Initialize(NULL) == CKR_OK);
}

static DWORD WINAPI sign_many(void *result) {
  CK_SLOT_ID slot;
  CK_ULONG count = 1;
  CK_SESSION_HANDLE session = 0;
  CK_RSA_PKCS_PSS_PARAMS parameters = {CKM_SHA256, CKG_MGF1_SHA256, SHA256_SIZE};
  CK_MECHANISM mechanism = {CKM_RSA_PKCS_PSS, &parameters, sizeof parameters};
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE template = {CKA_CLASS, &class, sizeof class};
  CK_RV rv = p11->C_GetSlotList(CK_TRUE, &slot, &count);
  if (rv == CKR_OK) rv = p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
  if (rv == CKR_OK) rv = p11->C_FindObjectsInit(session, &template, 1);
  CK_OBJECT_HANDLE key = 0;
  if (rv == CKR_OK) rv = p11->C_FindObjects(session, &key, 1, &count);
  if (rv == CKR_OK) rv = p11->C_FindObjectsFinal(session);
  CK_BYTE digest[SHA256_SIZE] = {3}, signature[256];
  for (int i = 0; rv == CKR_OK && i < 20; i++) {
    CK_ULONG length = sizeof signature;
    rv = p11->C_SignInit(session, &mechanism, key);
    if (rv == CKR_OK) rv = p11->C_Sign(session, digest, sizeof digest, signature, &length);
  }
  *(CK_RV *)result = rv;
  return 0;
}

static void many_threads_sign(void) {
  HANDLE threads[8];
  CK_RV results[8];
  for (int i = 0; i < 8; i++)
    CHECK((threads[i] = CreateThread(NULL, 0, sign_many, &results[i], 0, NULL)) != NULL);
  CHECK(WaitForMultipleObjects(8, threads, TRUE, 120000) == WAIT_OBJECT_0);
  for (int i = 0; i < 8; i++)
    CHECK(results[i] == CKR_OK);
}

/* docs/pitfalls.md 63: nothing is loaded from the current folder or the PATH; the fakes are in System32 alone. */
static void planted_libraries_are_not_loaded(void) {
  CHECK(sign_something(open_session()) == CKR_OK);
  HMODULE library = GetModuleHandleA("ncrypt.dll");
  char where[MAX_PATH];
  CHECK(library != NULL && GetModuleFileNameA(library, where, sizeof where));
  CHECK(_strnicmp(where, "C:\\windows\\system32\\", 20) == 0);
}

static void unloads_and_loads_again(void) {
  CHECK(p11->C_Finalize(NULL) == CKR_OK);
  p11 = NULL;
  CHECK(FreeLibrary(module));
  module = NULL;
  for (int i = 0; i < 5; i++) {
    load();
    CHECK(p11->C_Initialize(NULL) == CKR_OK);
    CHECK(sign_something(open_session()) == CKR_OK);
    CHECK(p11->C_Finalize(NULL) == CKR_OK);
    p11 = NULL;
    CHECK(FreeLibrary(module));
    module = NULL;
  }
}

int main(int argc, char **argv) {
  static const struct check_case cases[] = {
      {"/layout/structures_are_packed_to_one_byte", structures_are_packed_to_one_byte},
      {"/layout/the_function_list_is_packed_in_the_file", the_function_list_is_packed_in_the_file},
      {"/file/three_functions_are_exported", three_functions_are_exported},
      {"/module/objects_are_found_and_the_key_stays_inside", objects_are_found_and_the_key_stays_inside},
      {"/module/initialises_for_every_kind_of_host", initialises_for_every_kind_of_host},
      {"/sign/a_digest_info", signs_a_digest_info},
      {"/sign/pss", signs_pss},
      {"/sign/hashes_in_parts", hashes_in_parts},
      {"/sign/many_threads", many_threads_sign},
      {"/death/a_dead_key_is_an_error_and_no_crash", a_dead_key_is_an_error_and_no_crash},
      {"/death/under_a_session_is_an_error", a_key_that_dies_under_a_session_is_an_error},
      {"/module/planted_libraries_are_not_loaded", planted_libraries_are_not_loaded},
      {"/module/no_configuration_is_no_slot", no_configuration_is_no_slot},
      {"/module/unloads_and_loads_again", unloads_and_loads_again},
  };
  if (argc < 2) return 2;
  snprintf(module_path, sizeof module_path, "%s", argv[1]);
  GetEnvironmentVariableA("KG_TEST_DIR", folder, sizeof folder);
  SetEnvironmentVariableA("FAKE_NCRYPT_DIR", folder);
  return check_main(cases, sizeof cases / sizeof cases[0], start, argc > 2 ? argv[2] : NULL);
}
