#define _GNU_SOURCE /* dladdr: where this plugin's own file is */
#include "plugin/attestation_loader.h"

#include "core/encoding.h"
#include "core/file.h"
#include "core/hash.h"
#include "wire/redact.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define FILE_NAME "libAttestationClientLib.so"
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

/* The folder of the file that holds this function. */
static char *default_path(void) {
  char *(*here)(void) = default_path;
  void *address = NULL;
  Dl_info info;
  char *file = NULL, *path = NULL, *slash;

  memcpy(&address, &here, sizeof address);
  if (dladdr(address, &info) && info.dli_fname) file = realpath(info.dli_fname, NULL);
  slash = file ? strrchr(file, '/') : NULL;
  if (slash) {
    *slash = '\0';
    path = kg_file_join(file, FILE_NAME, NULL);
  }
  free(file);
  return path;
}

/* Contents are read for their hash, which is logged by keyguardctl's status and compared with a pin. */
static enum kg_status hash_file(const char *path, char out[SHA256_TEXT + 1], struct kg_error *error) {
  struct kg_buf contents = {0};
  unsigned char digest[32];
  char *text = NULL;

  if (kg_file_read(path, SIZE_LIMIT, KG_TRUST_OWNER, &contents, NULL, error) != KG_OK) {
    error->status = KG_E_ATTESTATION_FAILED;
    return kg_error_prefix(error, "attestation library");
  }
  if (kg_hash_once(KG_HASH_SHA256, kg_buf_span(&contents), digest))
    text = kg_hex_format(kg_span_of(digest, sizeof digest));
  kg_buf_clear(&contents);
  if (!text) return kg_error_set(error, KG_E_NO_MEMORY, "no memory to check the attestation library");
  memcpy(out, text, SHA256_TEXT + 1);
  free(text);
  return KG_OK;
}

static bool resolve(void *handle, const char *name, void *function, size_t size) {
  void *symbol = dlsym(handle, name);

  memcpy(function, &symbol, size); /* POSIX promises that both have one representation; C does not */
  return symbol != NULL;
}

static const char *find_missing(void *handle, struct kg_attestation_library *out) {
  if (!resolve(handle, "InitAttestationLib", &out->init, sizeof out->init)) return "InitAttestationLib";
  if (!resolve(handle, "AttestKeyGuardImportKey", &out->attest, sizeof out->attest)) return "AttestKeyGuardImportKey";
  if (!resolve(handle, "FreeAttestationToken", &out->free_token, sizeof out->free_token)) return "FreeAttestationToken";
  if (!resolve(handle, "UninitAttestationLib", &out->uninit, sizeof out->uninit)) return "UninitAttestationLib";
  return NULL;
}

static enum kg_status open_library(const char *path, struct kg_attestation_library *out, struct kg_error *error) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  const char *missing;
  char reason[200];

  if (!handle) {
    const char *text = dlerror();
    kg_redact(text ? text : "unknown reason", reason, sizeof reason);
    return kg_error_set(error, KG_E_ATTESTATION_FAILED, "attestation library cannot be loaded: %s", reason);
  }
  missing = find_missing(handle, out);
  if (!missing) return KG_OK;
  dlclose(handle); /* nothing of it was called */
  return kg_error_set(error, KG_E_ATTESTATION_FAILED, "attestation library '%s' has no function %s", path, missing);
}

static struct loaded *find_loaded(const char *path) {
  for (struct loaded *one = all; one; one = one->next)
    if (strcmp(one->path, path) == 0) return one;
  return NULL;
}

static bool pin_matches(const char *pin, const char *sha256) {
  return !pin || strcasecmp(pin, sha256) == 0;
}

/* Takes `path` where it succeeds. */
static enum kg_status load(char *path, const char *pin, struct loaded **out, struct kg_error *error) {
  struct loaded *fresh = calloc(1, sizeof *fresh);
  enum kg_status status;

  if (!fresh) return kg_error_set(error, KG_E_NO_MEMORY, "no memory for the attestation library");
  status = hash_file(path, fresh->sha256, error);
  if (status == KG_OK && !pin_matches(pin, fresh->sha256))
    status = refuse(error, path, "does not have the pinned hash");
  if (status == KG_OK) status = open_library(path, &fresh->library, error);
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
  if (wanted[0] != '/')
    status = refuse(error, wanted, "is not named by an absolute path");
  else if (found && !pin_matches(sha256, found->sha256))
    status = refuse(error, wanted, "was loaded with another hash than is pinned now");
  else if (!found)
    status = load(wanted, sha256, &found, error);
  if (status == KG_OK) *out = &found->library;
  if (status != KG_OK || found->path != wanted) free(wanted);
  return status;
}
