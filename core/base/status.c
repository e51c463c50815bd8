#include "core/base/status.h"

#include "keyguard/cryptoki.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* What keyguardctl(1) documents. */
enum {
  EXIT_OK = 0,
  EXIT_INTERNAL = 1,
  EXIT_USAGE = 2,
  EXIT_CONFIG = 3,
  EXIT_GATE = 4,
  EXIT_KEY = 5,
  EXIT_METADATA = 6,
  EXIT_ATTESTATION = 7,
  EXIT_TOKEN = 8,
  EXIT_NETWORK = 9,
  EXIT_BUSY = 10,
  EXIT_BINDING = 11,
  EXIT_PERMISSION = 12
};

struct row {
  enum kg_status status;
  const char *name;
  const char *code; /* the seed's three codes */
  const char *sub_code;
  CK_RV ckr;
  int exit_code;
};

#define GENERAL "MSI_V2_ERROR"
#define ROW(status, code, sub_code, ckr, exit_code)                                                                    \
  { status, #status, code, sub_code, ckr, exit_code }

/* One row a status, in the enum's order. Sub-codes are those of the reference clients where they have one
 * (MI/ManagedIdentityClient.cs, MIC/MsalError.cs, MI/V2/ImdsV2ManagedIdentitySource.cs), else our own.
 * A key that is gone is no removed device: the token is there, and pkcs11-helper would try again for ever.
 * An application's own arguments are judged where they come in: a status never blames them (CKR_ARGUMENTS_BAD,
 * CKR_MECHANISM_INVALID), but for data, which only a key can judge.
 * CKR_GENERAL_ERROR is for bugs alone; CKR_FUNCTION_REJECTED says that a rule or a right is in the way. */
static const struct row rows[] = {
    ROW(KG_OK, "", "", CKR_OK, EXIT_OK),
    ROW(KG_E_BUG, GENERAL, "internal_error", CKR_GENERAL_ERROR, EXIT_INTERNAL),
    ROW(KG_E_NO_MEMORY, GENERAL, "out_of_memory", CKR_HOST_MEMORY, EXIT_INTERNAL),
    ROW(KG_E_USAGE, GENERAL, "usage", CKR_FUNCTION_FAILED, EXIT_USAGE),
    ROW(KG_E_CONFIG, GENERAL, "configuration_invalid", CKR_FUNCTION_FAILED, EXIT_CONFIG),
    ROW(KG_E_IO, GENERAL, "io_failed", CKR_FUNCTION_FAILED, EXIT_INTERNAL),
    ROW(KG_E_ACCESS, GENERAL, "access_denied", CKR_FUNCTION_REJECTED, EXIT_PERMISSION),
    ROW(KG_E_NOT_FOUND, GENERAL, "not_found", CKR_TOKEN_NOT_PRESENT, EXIT_BINDING),
    ROW(KG_E_UNTRUSTED, GENERAL, "untrusted_file", CKR_FUNCTION_REJECTED, EXIT_PERMISSION),
    ROW(KG_E_LOCK_BUSY, GENERAL, "lock_busy", CKR_FUNCTION_FAILED, EXIT_BUSY),
    ROW(KG_E_BINDING, GENERAL, "binding_damaged", CKR_TOKEN_NOT_RECOGNIZED, EXIT_BINDING),
    ROW(KG_E_BINDING_STALE, GENERAL, "binding_stale", CKR_TOKEN_NOT_PRESENT, EXIT_BINDING),
    ROW(KG_E_KEY_STORE, GENERAL, "key_store_failed", CKR_DEVICE_ERROR, EXIT_KEY),
    ROW(KG_E_KEY_NOT_FOUND, GENERAL, "key_not_found", CKR_KEY_HANDLE_INVALID, EXIT_KEY),
    ROW(KG_E_KEY_DEAD, GENERAL, "key_dead", CKR_KEY_HANDLE_INVALID, EXIT_KEY),
    ROW(KG_E_KEY_PIN, GENERAL, "key_pin", CKR_FUNCTION_REJECTED, EXIT_KEY),
    ROW(KG_E_KEY_MECHANISM, GENERAL, "key_mechanism", CKR_FUNCTION_FAILED, EXIT_KEY),
    ROW(KG_E_KEY_INPUT, GENERAL, "key_input", CKR_DATA_LEN_RANGE, EXIT_KEY),
    ROW(KG_E_KEY_DATA, GENERAL, "key_data", CKR_DATA_INVALID, EXIT_KEY),
    ROW(KG_E_KEY_BUSY, GENERAL, "key_busy", CKR_FUNCTION_FAILED, EXIT_KEY),
    ROW(KG_E_SIGNATURE, GENERAL, "signature_invalid", CKR_SIGNATURE_INVALID, EXIT_KEY),
    ROW(KG_E_ATTESTATION_REQUIRES_POP, "MSI_V2_ATTESTATION_REQUIRES_POP", "attestation_requires_pop",
        CKR_FUNCTION_REJECTED, EXIT_GATE),
    ROW(KG_E_POP_REQUIRED, GENERAL, "pop_required", CKR_FUNCTION_REJECTED, EXIT_GATE),
    ROW(KG_E_KEYGUARD_UNAVAILABLE, "MSI_V2_KEYGUARD_UNAVAILABLE", "min_strength_not_met", CKR_FUNCTION_REJECTED,
        EXIT_GATE),
    ROW(KG_E_PLUGIN, GENERAL, "credential_plugin_failed", CKR_FUNCTION_FAILED, EXIT_CONFIG),
    ROW(KG_E_DISABLED, GENERAL, "mtls_pop_token_not_supported_in_imds_v1", CKR_FUNCTION_REJECTED, EXIT_GATE),
    ROW(KG_E_ENVIRONMENT, GENERAL, "mtls_pop_not_supported_for_environment", CKR_FUNCTION_REJECTED, EXIT_GATE),
    ROW(KG_E_IMDS_V1_ONLY, GENERAL, "mtls_pop_token_not_supported_in_imds_v1", CKR_FUNCTION_FAILED, EXIT_METADATA),
    ROW(KG_E_IMDS_FAILED, GENERAL, "managed_identity_request_failed", CKR_FUNCTION_FAILED, EXIT_METADATA),
    ROW(KG_E_IDENTITY, GENERAL, "identity_mismatch", CKR_FUNCTION_FAILED, EXIT_METADATA),
    ROW(KG_E_ATTESTATION_FAILED, GENERAL, "attestation_failed", CKR_FUNCTION_FAILED, EXIT_ATTESTATION),
    ROW(KG_E_INVALID_CERTIFICATE, GENERAL, "invalid_certificate", CKR_FUNCTION_FAILED, EXIT_METADATA),
    ROW(KG_E_TOKEN_REJECTED, GENERAL, "token_rejected", CKR_FUNCTION_FAILED, EXIT_TOKEN),
    ROW(KG_E_TOKEN_TYPE_MISSING, GENERAL, "token_type_missing", CKR_FUNCTION_FAILED, EXIT_TOKEN),
    ROW(KG_E_TOKEN_TYPE_MISMATCH, GENERAL, "token_type_mismatch", CKR_FUNCTION_FAILED, EXIT_TOKEN),
    ROW(KG_E_TOKEN_INVALID, GENERAL, "token_invalid", CKR_FUNCTION_FAILED, EXIT_TOKEN),
    ROW(KG_E_TLS, GENERAL, "tls_failed", CKR_FUNCTION_FAILED, EXIT_NETWORK),
    ROW(KG_E_TRANSPORT, GENERAL, "transport_failed", CKR_FUNCTION_FAILED, EXIT_NETWORK),
    ROW(KG_E_TIMEOUT, GENERAL, "request_timeout", CKR_FUNCTION_FAILED, EXIT_NETWORK),
};
_Static_assert(sizeof rows / sizeof rows[0] == KG_STATUS_COUNT, "every status has a row");

static const struct row *row_of(enum kg_status status) {
  if ((unsigned)status >= KG_STATUS_COUNT) return &rows[KG_E_BUG];
  return &rows[status];
}

const char *kg_status_name(enum kg_status status) {
  return row_of(status)->name;
}

bool kg_status_parse(const char *name, enum kg_status *out) {
  for (int status = KG_OK + 1; status < KG_STATUS_COUNT; status++) {
    if (strcmp(rows[status].name, name) != 0) continue;
    *out = (enum kg_status)status;
    return true;
  }
  return false;
}

const char *kg_status_code(enum kg_status status) {
  return row_of(status)->code;
}

const char *kg_status_sub_code(enum kg_status status) {
  return row_of(status)->sub_code;
}

unsigned long kg_status_ckr(enum kg_status status) {
  return row_of(status)->ckr;
}

int kg_status_exit_code(enum kg_status status) {
  return row_of(status)->exit_code;
}

bool kg_status_needs_a_person(int exit_code) {
  return exit_code == EXIT_USAGE || exit_code == EXIT_CONFIG || exit_code == EXIT_GATE || exit_code == EXIT_KEY ||
         exit_code == EXIT_PERMISSION;
}
