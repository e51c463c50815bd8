#include "ctl/plugin_loader.h"

#include "core/base/status.h"
#include "tests/support/scratch.h"

#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void load_fails(const char *name, enum kg_status status, const char *part) {
  struct kg_plugin *plugin = NULL;
  struct kg_error error = {0};
  assert_int_equal(kg_plugin_load(name, &plugin, &error), status);
  assert_null(plugin);
  if (strstr(error.text, part) == NULL) fail_msg("'%s' does not say '%s'", error.text, part);
}

static void plugin_of_this_version_is_loaded(void **state) {
  (void)state;
  struct kg_plugin *plugin = NULL;
  struct kg_error error = {0};
  if (kg_plugin_load(FAKE_PLUGIN_PATH, &plugin, &error) != KG_OK) fail_msg("%s", error.text);
  assert_string_equal(kg_plugin_get(plugin)->name, "fake");
  assert_string_equal(kg_plugin_path(plugin), FAKE_PLUGIN_PATH);
  kg_plugin_free(&plugin);
  assert_null(plugin);
  kg_plugin_free(&plugin);
}

static void absent_plugin_says_where_it_was_looked_for(void **state) {
  (void)state;
  load_fails("nosuch", KG_E_PLUGIN, "/keyguard/nosuch.so");
  load_fails("/nosuch/plugin.so", KG_E_PLUGIN, "/nosuch/plugin.so");
}

/* Nothing is found by way of the working folder or of a name that climbs. */
static void relative_paths_are_refused(void **state) {
  (void)state;
  load_fails("./imds.so", KG_E_PLUGIN, "absolute path");
  load_fails("../imds", KG_E_PLUGIN, "absolute path");
  load_fails("folder/imds", KG_E_PLUGIN, "absolute path");
  load_fails(".imds", KG_E_PLUGIN, "absolute path");
  load_fails("", KG_E_PLUGIN, "absolute path");
}

static void other_versions_are_told_apart(void **state) {
  (void)state;
  load_fails(FAKE_PLUGIN_OLDER, KG_E_PLUGIN, "older");
  load_fails(FAKE_PLUGIN_NEWER, KG_E_PLUGIN, "newer");
  load_fails(FAKE_PLUGIN_STRANGER, KG_E_PLUGIN, "another release");
}

static void incomplete_plugins_are_refused(void **state) {
  (void)state;
  load_fails(FAKE_PLUGIN_NO_ENTRY, KG_E_PLUGIN, "keyguard_credential_plugin");
  load_fails(FAKE_PLUGIN_NO_ACQUIRE, KG_E_PLUGIN, "lacks a function");
  load_fails(scratch_write("text.so", "no library", 0644), KG_E_PLUGIN, "cannot load");
}

/* A file that others may write is code of theirs. */
static void untrusted_plugin_is_not_loaded(void **state) {
  (void)state;
  load_fails(scratch_write("open.so", "no library", 0666), KG_E_UNTRUSTED, "open.so");
  scratch_mkdir("shared", 0777);
  load_fails(scratch_write("shared/inside.so", "no library", 0644), KG_E_UNTRUSTED, "shared");
}

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
    assert_int_equal(kg_plugin_error(&from, &error), table[i].status);
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
  (void)kg_plugin_error(&from, &error);
  assert_true(strlen(error.text) < sizeof error.text);
  assert_true(strlen(error.sub_code) < sizeof error.sub_code);
  assert_true(strlen(error.correlation_id) < sizeof error.correlation_id);
  assert_true(strlen(error.aadsts) < sizeof error.aadsts);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE("/plugin_loader/plugin_of_this_version_is_loaded", plugin_of_this_version_is_loaded),
      CASE("/plugin_loader/absent_plugin_says_where_it_was_looked_for", absent_plugin_says_where_it_was_looked_for),
      CASE("/plugin_loader/relative_paths_are_refused", relative_paths_are_refused),
      CASE("/plugin_loader/other_versions_are_told_apart", other_versions_are_told_apart),
      CASE("/plugin_loader/incomplete_plugins_are_refused", incomplete_plugins_are_refused),
      CASE("/plugin_loader/untrusted_plugin_is_not_loaded", untrusted_plugin_is_not_loaded),
      CASE("/plugin_loader/plugin_errors_keep_their_meaning", plugin_errors_keep_their_meaning),
      CASE("/plugin_loader/errors_without_end_are_cut", errors_without_end_are_cut)};
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
