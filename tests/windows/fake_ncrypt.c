/* A fake ncrypt.dll that models KeyGuard over the system's BCrypt, because Wine has no key storage and no CI machine
 * has VBS. It shows that our calls, flags and error handling are right; it can show nothing of real isolation.
 *
 *   FAKE_NCRYPT_DIR          folder of the keys, one file each (they are plain: a fake isolates nothing)
 *   FAKE_NCRYPT_EPOCH        number of the present boot; per-boot keys of another one are dead
 *   FAKE_NCRYPT_DEATH        how they show it: gone (default), empty (gone, but the name is taken), undecryptable,
 *                            zombie (only signing fails), replaced
 *   FAKE_NCRYPT_ZOMBIE_CODE  what signing with a zombie answers; default 0x80090020
 *   FAKE_NCRYPT_FAIL         "NCryptOpenKey=0x80090010": the code to answer; "...*2": to the first two calls only
 *   FAKE_NCRYPT_LOG          file to append each call to */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <windows.h>

#include <bcrypt.h>
#include <ncrypt.h>
#include <sddl.h>

#define FAKE_EXPORT __declspec(dllexport) SECURITY_STATUS WINAPI

#define ISOLATED 0x00020000u
#define PER_BOOT 0x00040000u
#define CODE(value) ((SECURITY_STATUS)(value))
#define BAD_KEYSET CODE(0x80090016)
#define EXISTS CODE(0x8009000F)
#define NOT_SUPPORTED CODE(0x80090029)
#define INVALID_PARAMETER CODE(0x80090027)
#define INVALID_HANDLE CODE(0x80090026)
#define BUFFER_TOO_SMALL CODE(0x80090028)
#define UNDECRYPTABLE CODE(0x8009003A)
#define NO_MEMORY CODE(0x8009000E)

enum { KIND_PROVIDER = 0x50524f56, KIND_KEY = 0x4b455921 };

struct object {
  unsigned kind;
  BOOL finalized, zombie;
  DWORD flags, bits, policy, usage, epoch;
  char path[MAX_PATH];
  BCRYPT_KEY_HANDLE key;
};

struct stored { /* then the RSAFULLPRIVATEBLOB */
  DWORD flags, bits, policy, usage, epoch;
};

/* --- environment -------------------------------------------------------------------------------------------------- */

static const char *variable(const char *name, char *buffer, DWORD size) {
  DWORD length = GetEnvironmentVariableA(name, buffer, size);
  return length > 0 && length < size ? buffer : NULL;
}

static DWORD number(const char *name, DWORD fallback) {
  char text[64];
  return variable(name, text, sizeof text) != NULL ? (DWORD)strtoul(text, NULL, 0) : fallback;
}

static void record(const char *function, DWORD flags) {
  char path[MAX_PATH];
  FILE *file = variable("FAKE_NCRYPT_LOG", path, sizeof path) != NULL ? fopen(path, "a") : NULL;
  if (file == NULL) return;
  fprintf(file, "%s 0x%lx\n", function, flags);
  fclose(file);
}

/* The injected code for this call, or 0. A count is counted down in the variable itself. */
static SECURITY_STATUS injected(const char *function, DWORD flags) {
  size_t length = strlen(function);
  record(function, flags);
  char text[128];
  if (variable("FAKE_NCRYPT_FAIL", text, sizeof text) == NULL) return 0;
  if (strncmp(text, function, length) != 0 || text[length] != '=') return 0;
  char *end;
  unsigned long code = strtoul(text + length + 1, &end, 0);
  unsigned long left;
  if (*end == '*') {
    left = strtoul(end + 1, NULL, 0);
    if (left == 0) return 0;
    snprintf(end, sizeof text - (size_t)(end - text), "*%lu", left - 1);
    SetEnvironmentVariableA("FAKE_NCRYPT_FAIL", text);
  }
  return CODE(code);
}

/* --- keys as files ------------------------------------------------------------------------------------------------ */

static void path_of(const wchar_t *name, DWORD flags, char path[MAX_PATH]) {
  char folder[MAX_PATH];
  int length =
      snprintf(path, MAX_PATH, "%s\\%c_", variable("FAKE_NCRYPT_DIR", folder, sizeof folder) != NULL ? folder : ".",
               flags & NCRYPT_MACHINE_KEY_FLAG ? 'm' : 'u');
  for (; *name && length < MAX_PATH - 5; name++)
    length += snprintf(path + length, MAX_PATH - (size_t)length, "%04x", (unsigned)towlower(*name));
}

static BOOL exists(const char *path) {
  return GetFileAttributesA(path) != INVALID_FILE_ATTRIBUTES;
}

static NTSTATUS make_key(struct object *object) {
  BCRYPT_ALG_HANDLE algorithm = NULL;
  NTSTATUS status = BCryptOpenAlgorithmProvider(&algorithm, BCRYPT_RSA_ALGORITHM, NULL, 0);
  if (object->key != NULL) BCryptDestroyKey(object->key);
  object->key = NULL;
  if (status == 0) status = BCryptGenerateKeyPair(algorithm, &object->key, object->bits, 0);
  if (status == 0) status = BCryptFinalizeKeyPair(object->key, 0);
  if (algorithm != NULL) BCryptCloseAlgorithmProvider(algorithm, 0);
  return status;
}

static SECURITY_STATUS store(const struct object *object) {
  unsigned char blob[8192];
  ULONG size = 0;
  if (BCryptExportKey(object->key, NULL, BCRYPT_RSAFULLPRIVATE_BLOB, blob, sizeof blob, &size, 0) != 0)
    return CODE(0x80090020);
  FILE *file = fopen(object->path, "wb");
  if (file == NULL) return CODE(0x80070003);
  struct stored head = {object->flags, object->bits, object->policy, object->usage, object->epoch};
  fwrite(&head, sizeof head, 1, file);
  fwrite(blob, size, 1, file);
  fclose(file);
  return 0;
}

static SECURITY_STATUS load(struct object *object) {
  FILE *file = fopen(object->path, "rb");
  if (file == NULL) return BAD_KEYSET;
  size_t size = 0;
  unsigned char blob[8192];
  struct stored head;
  if (fread(&head, sizeof head, 1, file) == 1) size = fread(blob, 1, sizeof blob, file);
  fclose(file);
  object->flags = head.flags, object->bits = head.bits, object->policy = head.policy, object->usage = head.usage;
  object->epoch = head.epoch;
  object->finalized = TRUE;
  BCRYPT_ALG_HANDLE algorithm = NULL;
  NTSTATUS status = -1;
  if (BCryptOpenAlgorithmProvider(&algorithm, BCRYPT_RSA_ALGORITHM, NULL, 0) == 0)
    status = BCryptImportKeyPair(algorithm, NULL, BCRYPT_RSAFULLPRIVATE_BLOB, &object->key, blob, (ULONG)size, 0);
  if (algorithm != NULL) BCryptCloseAlgorithmProvider(algorithm, 0);
  return status ? CODE(0x80090020) : 0;
}

/* A per-boot key in another boot: the four ways of being dead. */
static SECURITY_STATUS age(struct object *object) {
  char text[32];
  const char *death = variable("FAKE_NCRYPT_DEATH", text, sizeof text);
  if (!(object->flags & PER_BOOT) || object->epoch == number("FAKE_NCRYPT_EPOCH", 1)) return 0;
  if (death != NULL && strcmp(death, "undecryptable") == 0) return UNDECRYPTABLE;
  if (death != NULL && strcmp(death, "zombie") == 0) {
    object->zombie = TRUE;
    return 0;
  }
  if (death != NULL && strcmp(death, "replaced") == 0) {
    object->epoch = number("FAKE_NCRYPT_EPOCH", 1);
    return make_key(object) ? NO_MEMORY : store(object);
  }
  if (death == NULL || strcmp(death, "empty") != 0) DeleteFileA(object->path);
  return BAD_KEYSET;
}

/* --- the functions ------------------------------------------------------------------------------------------------ */

static struct object *object_of(NCRYPT_HANDLE handle, unsigned kind) {
  struct object *object = (struct object *)handle;
  return object != NULL && object->kind == kind ? object : NULL;
}

static struct object *new_object(unsigned kind) {
  struct object *object = calloc(1, sizeof *object);
  if (object != NULL) object->kind = kind;
  return object;
}

static void free_object(struct object *object) {
  if (object->key != NULL) BCryptDestroyKey(object->key);
  memset(object, 0, sizeof *object);
  free(object);
}

FAKE_EXPORT NCryptOpenStorageProvider(NCRYPT_PROV_HANDLE *out, LPCWSTR name, DWORD flags) {
  SECURITY_STATUS code = injected("NCryptOpenStorageProvider", flags);
  if (code) return code;
  if (name == NULL || wcscmp(name, MS_KEY_STORAGE_PROVIDER) != 0) return INVALID_PARAMETER;
  *out = (NCRYPT_PROV_HANDLE)new_object(KIND_PROVIDER);
  return *out ? 0 : NO_MEMORY;
}

FAKE_EXPORT NCryptOpenKey(NCRYPT_PROV_HANDLE provider, NCRYPT_KEY_HANDLE *out, LPCWSTR name, DWORD spec, DWORD flags) {
  SECURITY_STATUS code = injected("NCryptOpenKey", flags);
  (void)spec;
  if (code) return code;
  if (object_of(provider, KIND_PROVIDER) == NULL) return INVALID_HANDLE;
  struct object *object = new_object(KIND_KEY);
  if (object == NULL) return NO_MEMORY;
  path_of(name, flags, object->path);
  code = load(object);
  if (code == 0) code = age(object);
  if (code)
    free_object(object);
  else
    *out = (NCRYPT_KEY_HANDLE)object;
  return code;
}

FAKE_EXPORT NCryptCreatePersistedKey(NCRYPT_PROV_HANDLE provider, NCRYPT_KEY_HANDLE *out, LPCWSTR algorithm,
                                     LPCWSTR name, DWORD spec, DWORD flags) {
  SECURITY_STATUS code = injected("NCryptCreatePersistedKey", flags);
  (void)spec;
  if (code) return code;
  if (object_of(provider, KIND_PROVIDER) == NULL) return INVALID_HANDLE;
  if (wcscmp(algorithm, BCRYPT_RSA_ALGORITHM) != 0) return NOT_SUPPORTED;
  struct object *object = new_object(KIND_KEY);
  if (object == NULL) return NO_MEMORY;
  path_of(name, flags, object->path);
  if (exists(object->path) && !(flags & NCRYPT_OVERWRITE_KEY_FLAG)) {
    free_object(object);
    return EXISTS;
  }
  object->flags = flags, object->bits = 1024, object->policy = 0xFFFFFFFF;
  object->epoch = number("FAKE_NCRYPT_EPOCH", 1);
  *out = (NCRYPT_KEY_HANDLE)object;
  return 0;
}

/* Written to the log as text; a fake keeps nobody out. */
static SECURITY_STATUS set_access(PBYTE value, DWORD flags) {
  char *text = NULL;
  if (!(flags & DACL_SECURITY_INFORMATION) || !ConvertSecurityDescriptorToStringSecurityDescriptorA(
                                                  value, SDDL_REVISION_1, DACL_SECURITY_INFORMATION, &text, NULL))
    return INVALID_PARAMETER;
  record(text, flags);
  LocalFree(text);
  return 0;
}

FAKE_EXPORT NCryptSetProperty(NCRYPT_HANDLE handle, LPCWSTR name, PBYTE value, DWORD size, DWORD flags) {
  SECURITY_STATUS code = injected("NCryptSetProperty", flags);
  struct object *object = object_of(handle, KIND_KEY);
  if (code) return code;
  if (object == NULL || object->finalized) return INVALID_HANDLE;
  if (wcscmp(name, NCRYPT_SECURITY_DESCR_PROPERTY) == 0) return set_access(value, flags);
  DWORD given;
  if (size != sizeof given) return INVALID_PARAMETER;
  memcpy(&given, value, sizeof given);
  if (wcscmp(name, NCRYPT_LENGTH_PROPERTY) == 0)
    object->bits = given;
  else if (wcscmp(name, NCRYPT_EXPORT_POLICY_PROPERTY) == 0)
    object->policy = given;
  else if (wcscmp(name, NCRYPT_KEY_USAGE_PROPERTY) == 0)
    object->usage = given;
  else
    return NOT_SUPPORTED;
  return 0;
}

FAKE_EXPORT NCryptFinalizeKey(NCRYPT_KEY_HANDLE handle, DWORD flags) {
  SECURITY_STATUS code = injected("NCryptFinalizeKey", flags);
  struct object *object = object_of(handle, KIND_KEY);
  if (code) return code;
  if (object == NULL || object->finalized) return INVALID_HANDLE;
  if (make_key(object) != 0) return NO_MEMORY;
  object->finalized = TRUE;
  return store(object);
}

FAKE_EXPORT NCryptGetProperty(NCRYPT_HANDLE handle, LPCWSTR name, PBYTE out, DWORD size, DWORD *written, DWORD flags) {
  SECURITY_STATUS code = injected("NCryptGetProperty", flags);
  struct object *object = object_of(handle, KIND_KEY);
  if (code) return code;
  if (object == NULL || !object->finalized) return INVALID_HANDLE;
  if (wcscmp(name, L"Virtual Iso") == 0 && !(object->flags & ISOLATED)) return INVALID_PARAMETER;
  if (wcscmp(name, L"Per Boot Key") == 0 && !(object->flags & PER_BOOT)) return INVALID_PARAMETER;
  DWORD value = 1;
  if (wcscmp(name, NCRYPT_LENGTH_PROPERTY) == 0)
    value = object->bits;
  else if (wcscmp(name, NCRYPT_EXPORT_POLICY_PROPERTY) == 0)
    value = object->policy;
  else if (wcscmp(name, NCRYPT_KEY_USAGE_PROPERTY) == 0)
    value = object->usage;
  else if (wcscmp(name, L"Virtual Iso") != 0 && wcscmp(name, L"Per Boot Key") != 0)
    return NOT_SUPPORTED;
  *written = sizeof value;
  if (out == NULL) return 0;
  if (size < sizeof value) return BUFFER_TOO_SMALL;
  memcpy(out, &value, sizeof value);
  return 0;
}

FAKE_EXPORT NCryptExportKey(NCRYPT_KEY_HANDLE handle, NCRYPT_KEY_HANDLE wrap, LPCWSTR type,
                            NCryptBufferDesc *parameters, PBYTE out, DWORD size, DWORD *written, DWORD flags) {
  SECURITY_STATUS code = injected("NCryptExportKey", flags);
  struct object *object = object_of(handle, KIND_KEY);
  (void)wrap, (void)parameters;
  if (code) return code;
  if (object == NULL || !object->finalized) return INVALID_HANDLE;
  if (wcscmp(type, BCRYPT_RSAPUBLIC_BLOB) != 0 && (!(object->policy & NCRYPT_ALLOW_PLAINTEXT_EXPORT_FLAG)))
    return NOT_SUPPORTED;
  ULONG length = 0;
  if (BCryptExportKey(object->key, NULL, type, NULL, 0, &length, 0) != 0) return NOT_SUPPORTED;
  *written = length;
  if (out == NULL) return 0;
  if (size < length) return BUFFER_TOO_SMALL;
  return BCryptExportKey(object->key, NULL, type, out, size, &length, 0) ? CODE(0x80090020) : 0;
}

/* With a handle of its own, because Wine's BCrypt ties a handle to the first PSS hash that it signs. */
static NTSTATUS sign_once(const struct object *object, void *padding, PBYTE digest, DWORD length, PBYTE out, DWORD size,
                          ULONG *made, ULONG flags) {
  BCRYPT_ALG_HANDLE algorithm = NULL;
  unsigned char blob[8192];
  ULONG blob_size = 0;
  NTSTATUS status = BCryptExportKey(object->key, NULL, BCRYPT_RSAFULLPRIVATE_BLOB, blob, sizeof blob, &blob_size, 0);
  if (status == 0) status = BCryptOpenAlgorithmProvider(&algorithm, BCRYPT_RSA_ALGORITHM, NULL, 0);
  BCRYPT_KEY_HANDLE key = NULL;
  if (status == 0) status = BCryptImportKeyPair(algorithm, NULL, BCRYPT_RSAFULLPRIVATE_BLOB, &key, blob, blob_size, 0);
  if (status == 0) status = BCryptSignHash(key, padding, digest, length, out, size, made, flags);
  if (key != NULL) BCryptDestroyKey(key);
  if (algorithm != NULL) BCryptCloseAlgorithmProvider(algorithm, 0);
  return status;
}

FAKE_EXPORT NCryptSignHash(NCRYPT_KEY_HANDLE handle, void *padding, PBYTE digest, DWORD length, PBYTE out, DWORD size,
                           DWORD *written, DWORD flags) {
  SECURITY_STATUS code = injected("NCryptSignHash", flags);
  struct object *object = object_of(handle, KIND_KEY);
  if (code) return code;
  if (object == NULL || !object->finalized) return INVALID_HANDLE;
  *written = object->bits / 8;
  if (out == NULL) return 0; /* the size query alone works with a zombie, too */
  if (object->zombie) return CODE(number("FAKE_NCRYPT_ZOMBIE_CODE", 0x80090020));
  if (size < object->bits / 8) return BUFFER_TOO_SMALL;
  ULONG made = 0;
  if (sign_once(object, padding, digest, length, out, size, &made, flags & (BCRYPT_PAD_PKCS1 | BCRYPT_PAD_PSS)) != 0)
    return INVALID_PARAMETER;
  *written = made;
  return 0;
}

FAKE_EXPORT NCryptDeleteKey(NCRYPT_KEY_HANDLE handle, DWORD flags) {
  SECURITY_STATUS code = injected("NCryptDeleteKey", flags);
  struct object *object = object_of(handle, KIND_KEY);
  if (code) return code;
  if (object == NULL) return INVALID_HANDLE;
  DeleteFileA(object->path);
  free_object(object);
  return 0;
}

FAKE_EXPORT NCryptFreeObject(NCRYPT_HANDLE handle) {
  struct object *object = object_of(handle, KIND_KEY);
  if (object == NULL) object = object_of(handle, KIND_PROVIDER);
  if (object == NULL) return INVALID_HANDLE;
  free_object(object);
  return 0;
}
