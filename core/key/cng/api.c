#include "core/key/cng/api.h"

#include "core/os/library_win.h"

#include <stddef.h>

struct code {
  SECURITY_STATUS value;
  const char *name;
  enum kg_cng_meaning meaning;
};

/* docs/protocol.md 3.4 (GO/keyprovider_windows.go, PY, NET#6037, GO610 guide); the names NTE_VBS_... are those of
 * Microsoft's page on NCryptCreatePersistedKey. What signing with a dead key answers is not documented; the codes
 * marked UNUSABLE are those that say "this key's material cannot be used". */
static const struct code codes[] = {
    {(SECURITY_STATUS)0x80090016L, "NTE_BAD_KEYSET", KG_CNG_ABSENT},
    {(SECURITY_STATUS)0x8009000DL, "NTE_NO_KEY", KG_CNG_ABSENT},
    {(SECURITY_STATUS)0x80090011L, "NTE_NOT_FOUND", KG_CNG_ABSENT},
    {(SECURITY_STATUS)0x8009003AL, "NTE_VBS_CANNOT_DECRYPT_KEY", KG_CNG_DEAD},
    {(SECURITY_STATUS)0x80090039L, "NTE_VBS_UNAVAILABLE", KG_CNG_NO_VBS},
    {(SECURITY_STATUS)0x80090003L, "NTE_BAD_KEY", KG_CNG_UNUSABLE},
    {(SECURITY_STATUS)0x80090005L, "NTE_BAD_DATA", KG_CNG_UNUSABLE},
    {(SECURITY_STATUS)0x80090020L, "NTE_FAIL", KG_CNG_UNUSABLE},
    {(SECURITY_STATUS)0x8009002CL, "NTE_DECRYPTION_FAILURE", KG_CNG_UNUSABLE},
    {(SECURITY_STATUS)0x8009002DL, "NTE_INTERNAL_ERROR", KG_CNG_UNUSABLE},
    {(SECURITY_STATUS)0x8009000FL, "NTE_EXISTS", KG_CNG_EXISTS},
    {(SECURITY_STATUS)0x80090010L, "NTE_PERM", KG_CNG_DENIED},
    {(SECURITY_STATUS)0x80070005L, "E_ACCESSDENIED", KG_CNG_DENIED},
    {(SECURITY_STATUS)0x80090009L, "NTE_BAD_FLAGS", KG_CNG_UNAVAILABLE},
    {(SECURITY_STATUS)0x80090029L, "NTE_NOT_SUPPORTED", KG_CNG_UNAVAILABLE},
    {(SECURITY_STATUS)0x80090027L, "NTE_INVALID_PARAMETER", KG_CNG_UNAVAILABLE},
    {(SECURITY_STATUS)0x8009000EL, "NTE_NO_MEMORY", KG_CNG_MEMORY},
    {(SECURITY_STATUS)0x8007000EL, "E_OUTOFMEMORY", KG_CNG_MEMORY},
    {(SECURITY_STATUS)0x80090022L, "NTE_SILENT_CONTEXT", KG_CNG_OTHER},
    {(SECURITY_STATUS)0x80090026L, "NTE_INVALID_HANDLE", KG_CNG_OTHER},
    {(SECURITY_STATUS)0x80090028L, "NTE_BUFFER_TOO_SMALL", KG_CNG_OTHER},
    {(SECURITY_STATUS)0x80090030L, "NTE_DEVICE_NOT_READY", KG_CNG_OTHER},
};

static const struct code *find_code(SECURITY_STATUS value) {
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
    if (codes[i].value == value) return &codes[i];
  return NULL;
}

enum kg_cng_meaning kg_cng_meaning_of(SECURITY_STATUS value) {
  const struct code *code = find_code(value);
  return code != NULL ? code->meaning : KG_CNG_OTHER;
}

const char *kg_cng_code_name(SECURITY_STATUS value) {
  const struct code *code = find_code(value);
  return code != NULL ? code->name : "unnamed";
}

enum kg_status kg_cng_error(struct kg_error *error, enum kg_status status, SECURITY_STATUS code, const char *what) {
  return kg_error_set_code(error, status, code, "%s: %s (0x%08lX)", what, kg_cng_code_name(code), (unsigned long)code);
}

struct symbol {
  const char *name;
  size_t offset; /* in struct kg_ncrypt */
};

static const struct symbol symbols[] = {
    {"NCryptOpenStorageProvider", offsetof(struct kg_ncrypt, open_storage_provider)},
    {"NCryptOpenKey", offsetof(struct kg_ncrypt, open_key)},
    {"NCryptCreatePersistedKey", offsetof(struct kg_ncrypt, create_persisted_key)},
    {"NCryptSetProperty", offsetof(struct kg_ncrypt, set_property)},
    {"NCryptGetProperty", offsetof(struct kg_ncrypt, get_property)},
    {"NCryptFinalizeKey", offsetof(struct kg_ncrypt, finalize_key)},
    {"NCryptExportKey", offsetof(struct kg_ncrypt, export_key)},
    {"NCryptSignHash", offsetof(struct kg_ncrypt, sign_hash)},
    {"NCryptDeleteKey", offsetof(struct kg_ncrypt, delete_key)},
    {"NCryptFreeObject", offsetof(struct kg_ncrypt, free_object)},
};

static struct kg_ncrypt ncrypt;
static const char *missing = "ncrypt.dll"; /* what could not be loaded; NULL once all is there */
static struct kg_library_failure load_failure;

static BOOL CALLBACK load_once(INIT_ONCE *once, void *parameter, void **context) {
  void *library = kg_library_open_system(L"ncrypt.dll", &load_failure);
  (void)once, (void)parameter, (void)context;
  for (size_t i = 0; library != NULL && i < sizeof symbols / sizeof symbols[0]; i++) {
    kg_library_function *function = kg_library_find(library, symbols[i].name);
    missing = symbols[i].name;
    if (function == NULL) return TRUE;
    *(kg_library_function **)((char *)&ncrypt + symbols[i].offset) = function;
  }
  if (library != NULL) missing = NULL;
  return TRUE;
}

enum kg_status kg_ncrypt_load(const struct kg_ncrypt **out, struct kg_error *error) {
  static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
  *out = &ncrypt;
  InitOnceExecuteOnce(&once, load_once, NULL, NULL);
  if (missing == NULL) return KG_OK;
  return kg_error_set_code(error, KG_E_KEY_STORE, load_failure.code, "%s cannot be loaded from System32 (error %ld)",
                           missing, load_failure.code);
}
