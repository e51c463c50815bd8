#include "core/key/cng/ncrypt_key.h"

#include <string.h>

#include <sddl.h>

/* docs/protocol.md 3.1: GO/keyprovider_windows.go, MI/KeyProviders/WindowsCngKeyOperations.cs. */
#define PROVIDER L"Microsoft Software Key Storage Provider" /* the TPM's has no isolation flag */
#define KEY_BITS 2048
#define KEY_USAGE_ALL 0x00FFFFFF
#define EXPORT_NONE 0

enum kg_status kg_cng_init(struct kg_cng_key *key, const struct kg_cng_name *name, struct kg_error *error) {
  memset(key, 0, sizeof *key);
  key->name = *name;
  enum kg_status status = kg_ncrypt_load(&key->api, error);
  if (status != KG_OK) return status;
  SECURITY_STATUS code = key->api->open_storage_provider(&key->provider, PROVIDER, 0);
  if (code) return kg_cng_error(error, KG_E_KEY_STORE, code, "the software key storage provider cannot be opened");
  return KG_OK;
}

static void close_key(struct kg_cng_key *key) {
  if (key->key) key->api->free_object(key->key);
  key->key = 0;
}

void kg_cng_clear(struct kg_cng_key *key) {
  if (key->api == NULL) return;
  close_key(key);
  if (key->provider) key->api->free_object(key->provider);
  memset(key, 0, sizeof *key);
}

static DWORD scope_flag(const struct kg_cng_key *key) {
  return key->name.machine ? NCRYPT_MACHINE_KEY_FLAG : 0;
}

/* What a key that exists answers. */
static enum kg_status report(SECURITY_STATUS code, const char *what, struct kg_error *error) {
  static const struct {
    enum kg_cng_meaning meaning;
    enum kg_status status;
  } statuses[] = {{KG_CNG_ABSENT, KG_E_KEY_NOT_FOUND},
                  {KG_CNG_DEAD, KG_E_KEY_DEAD},
                  {KG_CNG_DENIED, KG_E_ACCESS},
                  {KG_CNG_NO_VBS, KG_E_KEYGUARD_UNAVAILABLE},
                  {KG_CNG_MEMORY, KG_E_NO_MEMORY}};
  enum kg_cng_meaning meaning = kg_cng_meaning_of(code);
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
    if (statuses[i].meaning == meaning) return kg_cng_error(error, statuses[i].status, code, what);
  return kg_cng_error(error, KG_E_KEY_STORE, code, what);
}

enum kg_status kg_cng_open(struct kg_cng_key *key, struct kg_error *error) {
  close_key(key);
  wchar_t name[KG_CNG_NAME_MAX + 1];
  kg_cng_name_wide(&key->name, name);
  SECURITY_STATUS code = key->api->open_key(key->provider, &key->key, name, 0, NCRYPT_SILENT_FLAG | scope_flag(key));
  if (code == 0) return KG_OK;
  key->key = 0;
  return report(code, "the KeyGuard key cannot be opened", error);
}

static SECURITY_STATUS set_number(const struct kg_cng_key *key, const wchar_t *property, DWORD value) {
  return key->api->set_property(key->key, property, (PBYTE)&value, sizeof value, NCRYPT_SILENT_FLAG);
}

/* Who else may use it: for a service that signs with a key that another account provisions. */
static SECURITY_STATUS set_access(const struct kg_cng_key *key) {
  if (!key->name.access[0]) return 0;
  PSECURITY_DESCRIPTOR descriptor = NULL;
  ULONG size = 0;
  if (!ConvertStringSecurityDescriptorToSecurityDescriptorA(key->name.access, SDDL_REVISION_1, &descriptor, &size))
    return HRESULT_FROM_WIN32(GetLastError());
  SECURITY_STATUS code = key->api->set_property(key->key, NCRYPT_SECURITY_DESCR_PROPERTY, descriptor, size,
                                                DACL_SECURITY_INFORMATION | NCRYPT_SILENT_FLAG);
  LocalFree(descriptor);
  return code;
}

static enum kg_status refuse_creation(SECURITY_STATUS code, struct kg_error *error) {
  static const char advice[] = "on a Trusted Launch or Confidential VM switch on virtualization-based security with "
                               "Credential Guard and restart; keyguardctl doctor tells what is missing";
  switch (kg_cng_meaning_of(code)) {
  case KG_CNG_UNAVAILABLE:
  case KG_CNG_NO_VBS:
    return kg_error_set_code(error, KG_E_KEYGUARD_UNAVAILABLE, code,
                             "Windows refuses a VBS-isolated key: %s (0x%08lX); %s", kg_cng_code_name(code),
                             (unsigned long)code, advice);
  case KG_CNG_EXISTS:
    return kg_cng_error(error, KG_E_LOCK_BUSY, code, "another program made the KeyGuard key at the same time");
  case KG_CNG_DENIED:
    return kg_cng_error(error, KG_E_ACCESS, code, "the KeyGuard key may not be created by this account");
  case KG_CNG_MEMORY:
    return kg_cng_error(error, KG_E_NO_MEMORY, code, "the KeyGuard key cannot be created");
  default:
    return kg_cng_error(error, KG_E_KEY_STORE, code, "the KeyGuard key cannot be created");
  }
}

enum kg_status kg_cng_create(struct kg_cng_key *key, bool overwrite, struct kg_error *error) {
  DWORD flags = NCRYPT_USE_VIRTUAL_ISOLATION_FLAG | NCRYPT_USE_PER_BOOT_KEY_FLAG | scope_flag(key);
  close_key(key);
  wchar_t name[KG_CNG_NAME_MAX + 1];
  kg_cng_name_wide(&key->name, name);
  if (overwrite) flags |= NCRYPT_OVERWRITE_KEY_FLAG;
  SECURITY_STATUS code = key->api->create_persisted_key(key->provider, &key->key, BCRYPT_RSA_ALGORITHM, name, 0, flags);
  if (code) {
    key->key = 0;
    return refuse_creation(code, error);
  }
  code = set_number(key, NCRYPT_LENGTH_PROPERTY, KEY_BITS);
  if (code == 0) code = set_number(key, NCRYPT_EXPORT_POLICY_PROPERTY, EXPORT_NONE);
  if (code == 0) code = set_number(key, NCRYPT_KEY_USAGE_PROPERTY, KEY_USAGE_ALL);
  if (code == 0) code = set_access(key);
  if (code == 0) code = key->api->finalize_key(key->key, NCRYPT_SILENT_FLAG);
  if (code == 0) return KG_OK;
  close_key(key); /* nothing was stored before it was finalized */
  return refuse_creation(code, error);
}

bool kg_cng_is_isolated(const struct kg_cng_key *key) {
  DWORD value = 0, size = 0;
  SECURITY_STATUS code =
      key->api->get_property(key->key, KG_CNG_PROPERTY_VIRTUAL_ISO, (PBYTE)&value, sizeof value, &size, 0);
  return code == 0 && size == sizeof value && value != 0;
}

static bool is_public_blob(struct kg_span blob) {
  BCRYPT_RSAKEY_BLOB head;
  if (blob.len < sizeof head) return false;
  memcpy(&head, blob.data, sizeof head);
  if (head.Magic != BCRYPT_RSAPUBLIC_MAGIC || head.cbPublicExp == 0 || head.cbPublicExp > 8) return false;
  if (head.BitLength < 1024 || head.BitLength > 16384 || head.cbModulus != (head.BitLength + 7) / 8) return false;
  return blob.len == sizeof head + head.cbPublicExp + head.cbModulus;
}

enum kg_status kg_cng_export_public(const struct kg_cng_key *key, struct kg_buf *blob, struct kg_error *error) {
  static const char what[] = "the KeyGuard key's public part cannot be read";
  unsigned char bytes[sizeof(BCRYPT_RSAKEY_BLOB) + 8 + 16384 / 8];
  DWORD size = 0;
  SECURITY_STATUS code =
      key->api->export_key(key->key, 0, BCRYPT_RSAPUBLIC_BLOB, NULL, bytes, sizeof bytes, &size, NCRYPT_SILENT_FLAG);
  if (code) return report(code, what, error);
  if (size > sizeof bytes || !is_public_blob(kg_span_of(bytes, size)))
    return kg_error_set(error, KG_E_KEY_STORE, "%s: it is not an RSA key", what);
  enum kg_status status = kg_buf_set(blob, kg_span_of(bytes, size));
  return status != KG_OK ? kg_error_no_memory(error, "for the public key") : KG_OK;
}

const wchar_t *kg_cng_hash_name(enum kg_hash hash) {
  switch (hash) {
  case KG_HASH_SHA1:
    return BCRYPT_SHA1_ALGORITHM;
  case KG_HASH_SHA256:
    return BCRYPT_SHA256_ALGORITHM;
  case KG_HASH_SHA384:
    return BCRYPT_SHA384_ALGORITHM;
  case KG_HASH_SHA512:
    return BCRYPT_SHA512_ALGORITHM;
  case KG_HASH_NONE:
    break;
  }
  return NULL;
}

ULONG kg_cng_padding_of(const struct kg_sign_params *params, union kg_cng_padding *out) {
  memset(out, 0, sizeof *out);
  if (params->padding == KG_PADDING_PSS) {
    out->pss.pszAlgId = kg_cng_hash_name(params->hash);
    out->pss.cbSalt = (ULONG)params->salt_len;
    return BCRYPT_PAD_PSS;
  }
  out->pkcs1.pszAlgId = kg_cng_hash_name(params->hash);
  return BCRYPT_PAD_PKCS1;
}

enum kg_status kg_cng_sign(const struct kg_cng_key *key, const struct kg_sign_params *params, struct kg_span digest,
                           unsigned char *signature, size_t size, struct kg_error *error) {
  union kg_cng_padding padding;
  ULONG flags = kg_cng_padding_of(params, &padding) | NCRYPT_SILENT_FLAG;
  DWORD written = 0;
  SECURITY_STATUS code = key->api->sign_hash(key->key, &padding, (PBYTE)(uintptr_t)digest.data, (DWORD)digest.len,
                                             signature, (DWORD)size, &written, flags);
  enum kg_cng_meaning meaning = kg_cng_meaning_of(code);
  if (meaning == KG_CNG_ABSENT || meaning == KG_CNG_UNUSABLE)
    return kg_cng_error(error, KG_E_KEY_DEAD, code, "the KeyGuard key is dead");
  if (code) return report(code, "the KeyGuard key does not sign", error);
  if (written != size)
    return kg_error_set(error, KG_E_KEY_STORE, "a signature of %lu bytes instead of %zu", written, size);
  return KG_OK;
}

enum kg_status kg_cng_delete(struct kg_cng_key *key, struct kg_error *error) {
  SECURITY_STATUS code = key->api->delete_key(key->key, NCRYPT_SILENT_FLAG);
  if (code) return report(code, "the KeyGuard key cannot be deleted", error);
  key->key = 0; /* deleting frees the handle */
  return KG_OK;
}
