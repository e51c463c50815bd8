#include "core/base/plugin_error.h"

#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

static struct kg_plugin_error plugin_error(const char *code, const char *sub_code, int http_status) {
  struct kg_plugin_error error = {.size = sizeof error, .http_status = http_status, .native_code = -6};
  snprintf(error.code, sizeof error.code, "%s", code);
  snprintf(error.sub_code, sizeof error.sub_code, "%s", sub_code);
  snprintf(error.text, sizeof error.text, "text");
  snprintf(error.aadsts, sizeof error.aadsts, "AADSTS1");
  return error;
}

static void plugin_errors_keep_their_meaning(void **state) {
  static const struct {
    const char *code, *sub_code;
    int http_status;
    enum kg_status status;
  } table[] = {{"MSI_V2_ERROR", "attestation_failed", 0, KG_E_ATTESTATION_FAILED},
               {"MSI_V2_ERROR", "managed_identity_request_failed", 500, KG_E_IMDS_FAILED},
               {"MSI_V2_ERROR", "mtls_pop_token_not_supported_in_imds_v1", 404, KG_E_IMDS_V1_ONLY},
               {"MSI_V2_ERROR", "mtls_pop_token_not_supported_in_imds_v1", 0, KG_E_DISABLED},
               {"MSI_V2_ERROR", "request_timeout", 0, KG_E_TIMEOUT},
               {"MSI_V2_ERROR", "something_new", 429, KG_E_IMDS_FAILED},
               {"MSI_V2_ERROR", "something_new", 0, KG_E_PLUGIN},
               {"MSI_V2_ERROR", "", 0, KG_E_PLUGIN},
               {"MSI_V2_ATTESTATION_REQUIRES_POP", "own_word", 0, KG_E_ATTESTATION_REQUIRES_POP},
               {"MSI_V2_KEYGUARD_UNAVAILABLE", "mtls_pop_requires_keyguard", 0, KG_E_KEYGUARD_UNAVAILABLE},
               {"ANOTHER_CODE", "attestation_failed", 0, KG_E_PLUGIN}};
  (void)state;
  for (size_t i = 0; i < COUNT(table); i++) {
    struct kg_plugin_error from = plugin_error(table[i].code, table[i].sub_code, table[i].http_status);
    struct kg_error error = {0};
    assert_int_equal(kg_plugin_error_import(&from, &error), table[i].status);
    assert_int_equal(error.status, table[i].status);
    assert_string_equal(error.sub_code, table[i].sub_code);
    assert_string_equal(error.aadsts, "AADSTS1");
    assert_int_equal(error.http_status, table[i].http_status);
    assert_int_equal(error.native_code, -6);
  }
}

static void errors_without_end_are_cut(void **state) {
  (void)state;
  struct kg_plugin_error from;
  memset(&from, 'x', sizeof from);
  struct kg_error error = {0};
  (void)kg_plugin_error_import(&from, &error);
  assert_true(strlen(error.text) < sizeof error.text);
  assert_true(strlen(error.sub_code) < sizeof error.sub_code);
  assert_true(strlen(error.correlation_id) < sizeof error.correlation_id);
  assert_true(strlen(error.aadsts) < sizeof error.aadsts);
}

static void what_goes_out_comes_in_again(void **state) {
  (void)state;
  struct kg_error from;
  (void)kg_error_set_code(&from, KG_E_IDENTITY, -7, "some text");
  from.http_status = 400;
  strcpy(from.oauth_error, "invalid_request");
  strcpy(from.aadsts, "AADSTS50000");
  strcpy(from.correlation_id, "an id");
  struct kg_plugin_error between = {.size = sizeof between, .requests = 7};
  assert_true(kg_plugin_error_export(&from, &between));
  assert_int_equal(between.requests, 0);
  assert_string_equal(between.code, "MSI_V2_ERROR");
  struct kg_error error = {0};
  assert_int_equal(kg_plugin_error_import(&between, &error), KG_E_IDENTITY);
  assert_string_equal(error.sub_code, "identity_mismatch");
  error.sub_code[0] = '\0';
  assert_memory_equal(&error, &from, offsetof(struct kg_error, sub_code));
  assert_string_equal(error.oauth_error, from.oauth_error);
  assert_string_equal(error.aadsts, from.aadsts);
  assert_string_equal(error.correlation_id, from.correlation_id);
  assert_string_equal(error.text, from.text);
}

static void host_of_an_older_interface_is_told_nothing(void **state) {
  (void)state;
  struct kg_error from = {.status = KG_E_IO};
  struct kg_plugin_error older = {.size = sizeof older - 1};
  assert_false(kg_plugin_error_export(&from, &older));
  assert_string_equal(older.status, "");
  assert_false(kg_plugin_error_export(&from, NULL));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE("/plugin_error/plugin_errors_keep_their_meaning", plugin_errors_keep_their_meaning),
      CASE("/plugin_error/errors_without_end_are_cut", errors_without_end_are_cut),
      CASE("/plugin_error/what_goes_out_comes_in_again", what_goes_out_comes_in_again),
      CASE("/plugin_error/host_of_an_older_interface_is_told_nothing", host_of_an_older_interface_is_told_nothing)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
