#include "plugin/attestation_loader.h"

#include "core/base/encoding.h"
#include "core/os/file.h"
#include "core/os/library.h"
#include "core/os/path.h"
#include "plugin/attestation_loader_system.h"
#include "wire/redact.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define SHA256_TEXT 64 /* hexadecimal digits */
#define SIZE_LIMIT ((size_t)64 * 1024 * 1024)

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

static bool pin_matches(const char *pin, const char *sha256) {
  return pin == NULL || OPENSSL_strcasecmp(pin, sha256) == 0;
}

/* Logged by keyguardctl's status and compared with a pin. */
static enum kg_status hash_file(const char *path, char out[SHA256_TEXT + 1], struct kg_error *error) {
  unsigned char digest[32];
  if (kg_file_hash(path, SIZE_LIMIT, KG_TRUST_OWNER, KG_HASH_SHA256, digest, error) != KG_OK)
    return kg_error_prefix(error, KG_E_ATTESTATION_FAILED, "attestation library");
  char *text = kg_hex_format(kg_span_of(digest, sizeof digest));
  if (text == NULL) return kg_error_no_memory(error, "for the attestation library");
  memcpy(out, text, SHA256_TEXT + 1);
  free(text);
  return KG_OK;
}

static enum kg_status check_file(const char *path, const char *pin, char sha256[SHA256_TEXT + 1],
                                 struct kg_error *error) {
  enum kg_status status = hash_file(path, sha256, error);
  if (status == KG_OK && !pin_matches(pin, sha256)) status = refuse(error, path, "does not have the pinned hash");
  if (status == KG_OK && pin == NULL) status = kg_attestation_file_check_signature(path, error);
  return status;
}

static enum kg_status find_functions(const char *path, void *library, struct kg_attestation_library *out,
                                     struct kg_error *error) {
  static const char *const names[] = {"InitAttestationLib", "AttestKeyGuardImportKey", "FreeAttestationToken",
                                      "UninitAttestationLib"};
  kg_library_function *found[sizeof names / sizeof names[0]];
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    found[i] = kg_library_find(library, names[i]);
    if (found[i] == NULL)
      return kg_error_set(error, KG_E_ATTESTATION_FAILED, "attestation library '%s' has no function %s", path,
                          names[i]);
  }
  out->init = (kg_init_attestation_lib *)found[0];
  out->attest = (kg_attest_key_guard_import_key *)found[1];
  out->free_token = (kg_free_attestation_token *)found[2];
  out->uninit = (kg_uninit_attestation_lib *)found[3];
  return KG_OK;
}

static enum kg_status open_library(const char *path, struct kg_attestation_library *out, struct kg_error *error) {
  struct kg_library_failure failure;
  void *library = kg_library_open(path, &failure);
  if (library == NULL) {
    const char *hint = kg_attestation_file_hint(failure.code);
    char reason[200];
    kg_redact(failure.text, reason, sizeof reason);
    return kg_error_set(error, KG_E_ATTESTATION_FAILED, "attestation library '%s' cannot be loaded: %s%s%s", path,
                        hint != NULL ? hint : "", hint != NULL ? ": " : "", reason);
  }
  enum kg_status status = find_functions(path, library, out, error);
  if (status != KG_OK) kg_library_close(library);
  return status;
}

static char *default_path(void) {
  char *folder = kg_library_own_folder();
  char *path = folder != NULL ? kg_file_join(folder, kg_attestation_file_name, NULL) : NULL;
  free(folder);
  return path;
}

static struct loaded *find_loaded(const char *path) {
  for (struct loaded *one = all; one != NULL; one = one->next)
    if (strcmp(one->path, path) == 0) return one;
  return NULL;
}

/* Takes `path` where it succeeds. */
static enum kg_status load(char *path, const char *pin, struct loaded **out, struct kg_error *error) {
  struct loaded *fresh = calloc(1, sizeof *fresh);
  if (fresh == NULL) return kg_error_no_memory(error, "for the attestation library");
  void *held = kg_attestation_file_hold(path);
  enum kg_status status = check_file(path, pin, fresh->sha256, error);
  if (status == KG_OK) status = open_library(path, &fresh->library, error);
  kg_attestation_file_release(held);
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
  char *wanted = path != NULL ? kg_strdup(path) : default_path();
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
