#include "plugin/attestation_loader.h"

#include "core/encoding.h"
#include "core/file.h"
#include "core/hash.h"
#include "core/path.h"
#include "core/wide_win.h"
#include "plugin/authenticode_win.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define FILE_NAME "AttestationClientLib.dll"
#define SIZE_LIMIT ((size_t)64 * 1024 * 1024)
#define SHA256_TEXT 64

struct loaded {
  struct kg_attestation_library library; /* first: the caller holds its address */
  char *path;
  char sha256[SHA256_TEXT + 1];
  struct loaded *next;
};

static struct loaded *all; /* until the process ends: a library with threads of its own cannot be unloaded */

static enum kg_status refuse(struct kg_error *error, const char *path, const char *why) {
  return kg_error_set(error, KG_E_ATTESTATION_FAILED, "attestation library '%s' %s", path, why);
}

static enum kg_status no_memory(struct kg_error *error) {
  return kg_error_set(error, KG_E_NO_MEMORY, "no memory for the attestation library");
}

/* Beside the file that holds this function. */
static char *default_path(void) {
  static const DWORD most = 32768;
  wchar_t *file = malloc(most * sizeof *file), *slash = NULL;
  char *folder = NULL, *path = NULL;
  HMODULE self = NULL;
  DWORD length = 0;

  if (file && GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                                 (LPCWSTR)(uintptr_t)&all, &self))
    length = GetModuleFileNameW(self, file, most);
  if (length > 0 && length < most) slash = wcsrchr(file, L'\\');
  if (slash) {
    *slash = L'\0';
    folder = kg_wide_to_utf8(file);
  }
  if (folder) path = kg_file_join(folder, FILE_NAME, NULL);
  free(folder);
  free(file);
  return path;
}

/* Nobody can exchange the file while this is open. */
static HANDLE hold(const wchar_t *path) {
  return CreateFileW(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
}

static enum kg_status hash_file(const char *path, char out[SHA256_TEXT + 1], struct kg_error *error) {
  struct kg_buf contents = {NULL, 0};
  unsigned char digest[32];
  char *text = NULL;

  if (kg_file_read(path, SIZE_LIMIT, KG_TRUST_OWNER, &contents, NULL, error) != KG_OK) {
    error->status = KG_E_ATTESTATION_FAILED;
    return kg_error_prefix(error, "attestation library");
  }
  if (kg_hash_once(KG_HASH_SHA256, kg_buf_span(&contents), digest)) text = kg_hex_format(kg_span_of(digest, 32));
  kg_buf_clear(&contents);
  if (!text) return no_memory(error);
  memcpy(out, text, SHA256_TEXT + 1);
  free(text);
  return KG_OK;
}

static bool resolve(HMODULE library, const char *name, void *function, size_t size) {
  FARPROC symbol = GetProcAddress(library, name);

  memcpy(function, &symbol, size);
  return symbol != NULL;
}

static const char *find_missing(HMODULE library, struct kg_attestation_library *out) {
  if (!resolve(library, "InitAttestationLib", &out->init, sizeof out->init)) return "InitAttestationLib";
  if (!resolve(library, "AttestKeyGuardImportKey", &out->attest, sizeof out->attest)) return "AttestKeyGuardImportKey";
  if (!resolve(library, "FreeAttestationToken", &out->free_token, sizeof out->free_token))
    return "FreeAttestationToken";
  if (!resolve(library, "UninitAttestationLib", &out->uninit, sizeof out->uninit)) return "UninitAttestationLib";
  return NULL;
}

/* KA/Attestation/NativeDiagnostics.cs */
static const char *hint_of(DWORD code) {
  switch (code) {
  case ERROR_BAD_EXE_FORMAT:
  case ERROR_EXE_MACHINE_TYPE_MISMATCH:
    return "it is for another architecture: x64 is needed";
  case ERROR_MOD_NOT_FOUND:
    return "a library it needs is missing: libcurl, OpenSSL and the VC++ runtime lie beside it or in System32";
  default:
    return "Windows cannot load it";
  }
}

/* Its own folder and System32 alone: not the current folder, not PATH, not the application's folder. */
static enum kg_status open_library(const char *path, const wchar_t *wide, struct kg_attestation_library *out,
                                   struct kg_error *error) {
  HMODULE library = LoadLibraryExW(wide, NULL, LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_SYSTEM32);
  DWORD code = library ? 0 : GetLastError();
  const char *missing;

  if (!library)
    return kg_error_set(error, KG_E_ATTESTATION_FAILED, "attestation library '%s': %s (error %lu)", path, hint_of(code),
                        code);
  missing = find_missing(library, out);
  if (!missing) return KG_OK;
  FreeLibrary(library); /* nothing of it was called */
  return kg_error_set(error, KG_E_ATTESTATION_FAILED, "attestation library '%s' has no function %s", path, missing);
}

static struct loaded *find_loaded(const char *path) {
  for (struct loaded *one = all; one; one = one->next)
    if (strcmp(one->path, path) == 0) return one;
  return NULL;
}

static bool pin_matches(const char *pin, const char *sha256) {
  return !pin || _stricmp(pin, sha256) == 0;
}

/* A pinned hash says more than any signature; without one it must be Microsoft's. */
static enum kg_status check_origin(const char *path, const wchar_t *wide, const char *pin, const char *sha256,
                                   struct kg_error *error) {
  if (!pin_matches(pin, sha256)) return refuse(error, path, "does not have the pinned hash");
  return pin ? KG_OK : kg_authenticode_check(wide, path, error);
}

static enum kg_status load_held(const char *path, const wchar_t *wide, const char *pin, struct loaded *out,
                                struct kg_error *error) {
  enum kg_status status = hash_file(path, out->sha256, error);

  if (status == KG_OK) status = check_origin(path, wide, pin, out->sha256, error);
  return status == KG_OK ? open_library(path, wide, &out->library, error) : status;
}

/* Takes `path` where it succeeds. */
static enum kg_status load(char *path, const char *pin, struct loaded **out, struct kg_error *error) {
  struct loaded *fresh = calloc(1, sizeof *fresh);
  wchar_t *wide = kg_wide_dup(path);
  HANDLE held = wide ? hold(wide) : INVALID_HANDLE_VALUE;
  enum kg_status status = fresh && wide ? load_held(path, wide, pin, fresh, error) : no_memory(error);

  if (held != INVALID_HANDLE_VALUE) CloseHandle(held);
  free(wide);
  if (status != KG_OK) {
    free(fresh);
    return status;
  }
  fresh->path = path;
  fresh->next = all;
  *out = all = fresh;
  return KG_OK;
}

enum kg_status kg_attestation_library_require(const char *path, const char *sha256, struct kg_attestation_library **out,
                                              struct kg_error *error) {
  char *wanted = path ? kg_strdup(path) : default_path();
  struct loaded *found;
  enum kg_status status = KG_OK;

  *out = NULL;
  if (!wanted) return kg_error_set(error, KG_E_ATTESTATION_FAILED, "no path for the attestation library");
  found = find_loaded(wanted);
  if (!kg_path_is_absolute(wanted))
    status = refuse(error, wanted, "is not named by an absolute path");
  else if (found && !pin_matches(sha256, found->sha256))
    status = refuse(error, wanted, "was loaded with another hash than is pinned now");
  else if (!found)
    status = load(wanted, sha256, &found, error);
  if (status == KG_OK) *out = &found->library;
  if (status != KG_OK || found->path != wanted) free(wanted);
  return status;
}
