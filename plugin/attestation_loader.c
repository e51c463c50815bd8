#include "plugin/attestation_loader.h"

#include "core/base/encoding.h"
#include "core/os/file.h"
#include "core/os/path.h"
#include "plugin/attestation_loader_system.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define SIZE_LIMIT ((size_t)64 * 1024 * 1024)

struct loaded {
  struct kg_attestation_library library; /* first: the caller holds its address */
  char *path;
  char sha256[KG_SHA256_TEXT + 1];
  struct loaded *next;
};

static struct loaded *all; /* until the process ends: a library with threads of its own cannot be unloaded */

static enum kg_status refuse(struct kg_error *error, const char *path, const char *why) {
  return kg_error_set(error, KG_E_ATTESTATION_FAILED, "attestation library '%s' %s", path, why);
}

static enum kg_status no_memory(struct kg_error *error) {
  return kg_error_set(error, KG_E_NO_MEMORY, "no memory for the attestation library");
}

static bool pin_matches(const char *pin, const char *sha256) {
  return pin == NULL || OPENSSL_strcasecmp(pin, sha256) == 0;
}

/* Logged by keyguardctl's status and compared with a pin. */
static enum kg_status hash_file(const char *path, char out[KG_SHA256_TEXT + 1], struct kg_error *error) {
  unsigned char digest[32];
  if (kg_file_hash(path, SIZE_LIMIT, KG_TRUST_OWNER, KG_HASH_SHA256, digest, error) != KG_OK) {
    error->status = KG_E_ATTESTATION_FAILED;
    return kg_error_prefix(error, "attestation library");
  }
  char *text = kg_hex_format(kg_span_of(digest, sizeof digest));
  if (text == NULL) return no_memory(error);
  memcpy(out, text, KG_SHA256_TEXT + 1);
  free(text);
  return KG_OK;
}

enum kg_status kg_attestation_library_check_file(const char *path, const char *pin, char sha256[KG_SHA256_TEXT + 1],
                                                 struct kg_error *error) {
  enum kg_status status = hash_file(path, sha256, error);
  if (status != KG_OK || pin_matches(pin, sha256)) return status;
  return refuse(error, path, "does not have the pinned hash");
}

enum kg_status kg_attestation_library_find_functions(const char *path, void *handle, kg_symbol_find *find,
                                                     struct kg_attestation_library *out, struct kg_error *error) {
  const struct {
    const char *name;
    void *function;
    size_t size;
  } wanted[] = {{"InitAttestationLib", &out->init, sizeof out->init},
                {"AttestKeyGuardImportKey", &out->attest, sizeof out->attest},
                {"FreeAttestationToken", &out->free_token, sizeof out->free_token},
                {"UninitAttestationLib", &out->uninit, sizeof out->uninit}};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++)
    if (!find(handle, wanted[i].name, wanted[i].function, wanted[i].size))
      return kg_error_set(error, KG_E_ATTESTATION_FAILED, "attestation library '%s' has no function %s", path,
                          wanted[i].name);
  return KG_OK;
}

static struct loaded *find_loaded(const char *path) {
  for (struct loaded *one = all; one != NULL; one = one->next)
    if (strcmp(one->path, path) == 0) return one;
  return NULL;
}

/* Takes `path` where it succeeds. */
static enum kg_status load(char *path, const char *pin, struct loaded **out, struct kg_error *error) {
  struct loaded *fresh = calloc(1, sizeof *fresh);
  if (fresh == NULL) return no_memory(error);
  enum kg_status status = kg_attestation_library_open(path, pin, fresh->sha256, &fresh->library, error);
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
  char *wanted = path != NULL ? kg_strdup(path) : kg_attestation_library_default_path();
  *out = NULL;
  if (wanted == NULL) return kg_error_set(error, KG_E_ATTESTATION_FAILED, "no path for the attestation library");
  struct loaded *found = find_loaded(wanted);
  enum kg_status status = KG_OK;
  if (!kg_path_is_absolute(wanted))
    status = refuse(error, wanted, "is not named by an absolute path");
  else if (found != NULL && !pin_matches(sha256, found->sha256))
    status = refuse(error, wanted, "was loaded with another hash than is pinned now");
  else if (found == NULL)
    status = load(wanted, sha256, &found, error);
  if (status == KG_OK) *out = &found->library;
  if (status != KG_OK || found->path != wanted) free(wanted);
  return status;
}
