/* The attestation library in this process: loaded from one absolute path, never searched for, never unloaded. */
#ifndef KG_PLUGIN_ATTESTATION_LOADER_H
#define KG_PLUGIN_ATTESTATION_LOADER_H

#include "core/base/error.h"
#include "keyguard/attestation.h"

#include <stdbool.h>

struct kg_attestation_library {
  kg_init_attestation_lib *init;
  kg_attest_key_guard_import_key *attest;
  kg_free_attestation_token *free_token;
  kg_uninit_attestation_lib *uninit; /* must be there, is never called */
  bool initialised;                  /* the caller's: InitAttestationLib succeeded */
};

/* `path` NULL: beside the plugin. `sha256` NULL: not pinned. The file and its folders must belong to root or to us and
 * be writable by nobody else. The same path gives the same library. KG_E_ATTESTATION_FAILED says what is wrong;
 * `*out` is borrowed and stays. */
KG_MUST_USE enum kg_status kg_attestation_library_require(const char *path, const char *sha256,
                                                          struct kg_attestation_library **out, struct kg_error *error);

#endif
