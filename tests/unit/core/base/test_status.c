#include "core/base/status.h"

#include "keyguard/cryptoki.h"
#include "tests/support/unit.h"

#include <stdbool.h>
#include <string.h>

static bool is_one_of(const char *text, const char *const *set, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (strcmp(text, set[i]) == 0) return true;
  return false;
}

/* What each status must be outwards, written down a second time. */
static const struct {
  enum kg_status status;
  const char *name, *code, *sub_code;
  unsigned long ckr;
  int exit_code;
} expected[] = {
    {KG_OK, "KG_OK", "", "", CKR_OK, 0},
    {KG_E_BUG, "KG_E_BUG", "MSI_V2_ERROR", "internal_error", CKR_GENERAL_ERROR, 1},
    {KG_E_NO_MEMORY, "KG_E_NO_MEMORY", "MSI_V2_ERROR", "out_of_memory", CKR_HOST_MEMORY, 1},
    {KG_E_USAGE, "KG_E_USAGE", "MSI_V2_ERROR", "usage", CKR_FUNCTION_FAILED, 2},
    {KG_E_CONFIG, "KG_E_CONFIG", "MSI_V2_ERROR", "configuration_invalid", CKR_FUNCTION_FAILED, 3},
    {KG_E_IO, "KG_E_IO", "MSI_V2_ERROR", "io_failed", CKR_FUNCTION_FAILED, 1},
    {KG_E_ACCESS, "KG_E_ACCESS", "MSI_V2_ERROR", "access_denied", CKR_FUNCTION_REJECTED, 12},
    {KG_E_NOT_FOUND, "KG_E_NOT_FOUND", "MSI_V2_ERROR", "not_found", CKR_TOKEN_NOT_PRESENT, 11},
    {KG_E_UNTRUSTED, "KG_E_UNTRUSTED", "MSI_V2_ERROR", "untrusted_file", CKR_FUNCTION_REJECTED, 12},
    {KG_E_LOCK_BUSY, "KG_E_LOCK_BUSY", "MSI_V2_ERROR", "lock_busy", CKR_FUNCTION_FAILED, 10},
    {KG_E_BINDING, "KG_E_BINDING", "MSI_V2_ERROR", "binding_damaged", CKR_TOKEN_NOT_RECOGNIZED, 11},
    {KG_E_BINDING_STALE, "KG_E_BINDING_STALE", "MSI_V2_ERROR", "binding_stale", CKR_TOKEN_NOT_PRESENT, 11},
    {KG_E_KEY_STORE, "KG_E_KEY_STORE", "MSI_V2_ERROR", "key_store_failed", CKR_DEVICE_ERROR, 5},
    {KG_E_KEY_NOT_FOUND, "KG_E_KEY_NOT_FOUND", "MSI_V2_ERROR", "key_not_found", CKR_KEY_HANDLE_INVALID, 5},
    {KG_E_KEY_DEAD, "KG_E_KEY_DEAD", "MSI_V2_ERROR", "key_dead", CKR_KEY_HANDLE_INVALID, 5},
    {KG_E_KEY_PIN, "KG_E_KEY_PIN", "MSI_V2_ERROR", "key_pin", CKR_FUNCTION_REJECTED, 5},
    {KG_E_KEY_MECHANISM, "KG_E_KEY_MECHANISM", "MSI_V2_ERROR", "key_mechanism", CKR_FUNCTION_FAILED, 5},
    {KG_E_KEY_INPUT, "KG_E_KEY_INPUT", "MSI_V2_ERROR", "key_input", CKR_DATA_LEN_RANGE, 5},
    {KG_E_KEY_DATA, "KG_E_KEY_DATA", "MSI_V2_ERROR", "key_data", CKR_DATA_INVALID, 5},
    {KG_E_KEY_BUSY, "KG_E_KEY_BUSY", "MSI_V2_ERROR", "key_busy", CKR_FUNCTION_FAILED, 5},
    {KG_E_SIGNATURE, "KG_E_SIGNATURE", "MSI_V2_ERROR", "signature_invalid", CKR_SIGNATURE_INVALID, 5},
    {KG_E_ATTESTATION_REQUIRES_POP, "KG_E_ATTESTATION_REQUIRES_POP", "MSI_V2_ATTESTATION_REQUIRES_POP",
     "attestation_requires_pop", CKR_FUNCTION_REJECTED, 4},
    {KG_E_POP_REQUIRED, "KG_E_POP_REQUIRED", "MSI_V2_ERROR", "pop_required", CKR_FUNCTION_REJECTED, 4},
    {KG_E_KEYGUARD_UNAVAILABLE, "KG_E_KEYGUARD_UNAVAILABLE", "MSI_V2_KEYGUARD_UNAVAILABLE", "min_strength_not_met",
     CKR_FUNCTION_REJECTED, 4},
    {KG_E_PLUGIN, "KG_E_PLUGIN", "MSI_V2_ERROR", "credential_plugin_failed", CKR_FUNCTION_FAILED, 3},
    {KG_E_DISABLED, "KG_E_DISABLED", "MSI_V2_ERROR", "mtls_pop_token_not_supported_in_imds_v1", CKR_FUNCTION_REJECTED,
     4},
    {KG_E_ENVIRONMENT, "KG_E_ENVIRONMENT", "MSI_V2_ERROR", "mtls_pop_not_supported_for_environment",
     CKR_FUNCTION_REJECTED, 4},
    {KG_E_IMDS_V1_ONLY, "KG_E_IMDS_V1_ONLY", "MSI_V2_ERROR", "mtls_pop_token_not_supported_in_imds_v1",
     CKR_FUNCTION_FAILED, 6},
    {KG_E_IMDS_FAILED, "KG_E_IMDS_FAILED", "MSI_V2_ERROR", "managed_identity_request_failed", CKR_FUNCTION_FAILED, 6},
    {KG_E_IDENTITY, "KG_E_IDENTITY", "MSI_V2_ERROR", "identity_mismatch", CKR_FUNCTION_FAILED, 6},
    {KG_E_ATTESTATION_FAILED, "KG_E_ATTESTATION_FAILED", "MSI_V2_ERROR", "attestation_failed", CKR_FUNCTION_FAILED, 7},
    {KG_E_INVALID_CERTIFICATE, "KG_E_INVALID_CERTIFICATE", "MSI_V2_ERROR", "invalid_certificate", CKR_FUNCTION_FAILED,
     6},
    {KG_E_TOKEN_REJECTED, "KG_E_TOKEN_REJECTED", "MSI_V2_ERROR", "token_rejected", CKR_FUNCTION_FAILED, 8},
    {KG_E_TOKEN_TYPE_MISSING, "KG_E_TOKEN_TYPE_MISSING", "MSI_V2_ERROR", "token_type_missing", CKR_FUNCTION_FAILED, 8},
    {KG_E_TOKEN_TYPE_MISMATCH, "KG_E_TOKEN_TYPE_MISMATCH", "MSI_V2_ERROR", "token_type_mismatch", CKR_FUNCTION_FAILED,
     8},
    {KG_E_TOKEN_INVALID, "KG_E_TOKEN_INVALID", "MSI_V2_ERROR", "token_invalid", CKR_FUNCTION_FAILED, 8},
    {KG_E_TLS, "KG_E_TLS", "MSI_V2_ERROR", "tls_failed", CKR_FUNCTION_FAILED, 9},
    {KG_E_TRANSPORT, "KG_E_TRANSPORT", "MSI_V2_ERROR", "transport_failed", CKR_FUNCTION_FAILED, 9},
    {KG_E_TIMEOUT, "KG_E_TIMEOUT", "MSI_V2_ERROR", "request_timeout", CKR_FUNCTION_FAILED, 9},
};

static void every_row_is_as_expected(void **state) {
  (void)state;
  assert_int_equal(COUNT(expected), KG_STATUS_COUNT);
  for (size_t i = 0; i < COUNT(expected); i++) {
    assert_int_equal(expected[i].status, i);
    assert_string_equal(kg_status_name(expected[i].status), expected[i].name);
    assert_string_equal(kg_status_code(expected[i].status), expected[i].code);
    assert_string_equal(kg_status_sub_code(expected[i].status), expected[i].sub_code);
    assert_int_equal(kg_status_ckr(expected[i].status), expected[i].ckr);
    assert_int_equal(kg_status_exit_code(expected[i].status), expected[i].exit_code);
  }
}

static void only_bugs_are_general_errors(void **state) {
  (void)state;
  for (int i = 0; i < KG_STATUS_COUNT; i++)
    assert_int_equal(kg_status_ckr((enum kg_status)i) == CKR_GENERAL_ERROR, i == KG_E_BUG);
}

static void codes_are_the_three_of_the_seed(void **state) {
  static const char *const codes[] = {"MSI_V2_ERROR", "MSI_V2_KEYGUARD_UNAVAILABLE", "MSI_V2_ATTESTATION_REQUIRES_POP"};
  (void)state;
  for (int i = 1; i < KG_STATUS_COUNT; i++)
    assert_true(is_one_of(kg_status_code((enum kg_status)i), codes, COUNT(codes)));
}

static void unknown_number_is_a_bug(void **state) {
  static const int outside[] = {KG_STATUS_COUNT, KG_STATUS_COUNT + 1, 1000000, -1};
  (void)state;
  for (size_t i = 0; i < COUNT(outside); i++) {
    assert_string_equal(kg_status_name((enum kg_status)outside[i]), "KG_E_BUG");
    assert_int_equal(kg_status_exit_code((enum kg_status)outside[i]), 1);
  }
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/status/every_row_is_as_expected", every_row_is_as_expected),
      CASE("/status/only_bugs_are_general_errors", only_bugs_are_general_errors),
      CASE("/status/codes_are_the_three_of_the_seed", codes_are_the_three_of_the_seed),
      CASE("/status/unknown_number_is_a_bug", unknown_number_is_a_bug),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
