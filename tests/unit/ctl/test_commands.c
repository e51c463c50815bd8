#include "support_commands.h"
#include "support_tls_server.h"

#include "tests/support/scratch.h"
#include "wire/crypto.h"

#include "tests/support/unit.h"

#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void provision_says_what_was_issued(void **state) {
  (void)state;
  run(&kg_command_provision, "web");
  expect(0);
  assert_true(printed("web: issued"));
  assert_true(printed("pkcs11:token=web;object=web;type=private"));
  run(&kg_command_provision, "web --json");
  expect(0);
  cJSON *object = json();
  assert_string_equal(text_of(object, "result"), "good");
  assert_string_equal(text_of(object, "certificate_uri"), "pkcs11:token=web;object=web;type=cert");
  assert_int_equal(strlen(text_of(object, "thumbprint")), 43);
  cJSON_Delete(object);
}

/* One that fails does not keep the others from their turn. */
static void provision_of_all_reports_each(void **state) {
  (void)state;
  run(&kg_command_provision, "--all --json");
  expect(kg_status_exit_code(KG_E_KEYGUARD_UNAVAILABLE));
  cJSON *object = json(), *list = cJSON_GetObjectItem(object, "identities");
  assert_int_equal(cJSON_GetArraySize(list), 2);
  assert_string_equal(text_of(cJSON_GetArrayItem(list, 0), "result"), "issued");
  assert_string_equal(text_of(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 1), "error"), "code"),
                      "MSI_V2_KEYGUARD_UNAVAILABLE");
  cJSON_Delete(object);
}

static void status_is_usable_or_eleven(void **state) {
  (void)state;
  run(&kg_command_status, "web");
  expect(11);
  assert_true(printed("keyguardctl provision web"));
  run(&kg_command_provision, "web");
  run(&kg_command_status, "web --check-key");
  expect(0);
  assert_true(printed("web: good"));
  run(&kg_command_status, "--json");
  expect(11); /* the other identity has none */
  cJSON *object = json(), *list = cJSON_GetObjectItem(object, "identities");
  assert_true(cJSON_IsTrue(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 0), "usable")));
  assert_false(cJSON_IsTrue(cJSON_GetObjectItem(cJSON_GetArrayItem(list, 1), "usable")));
  cJSON_Delete(object);
}

static void status_shows_the_last_failure(void **state) {
  (void)state;
  setenv("FAKE_PLUGIN", "refuse", 1);
  run(&kg_command_provision, "web");
  expect(kg_status_exit_code(KG_E_IMDS_FAILED));
  run(&kg_command_status, "web");
  expect(11);
  assert_true(printed("last failure"));
  assert_true(printed("1 in a row: fake: managed_identity_request_failed"));
}

static void failed_renewal_says_how_long_the_old_one_lasts(void **state) {
  (void)state;
  setenv("FAKE_PLUGIN_TO", "100", 1);
  setenv("FAKE_PLUGIN_FROM", "-100000", 1);
  run(&kg_command_provision, "web");
  expect(0);
  unsetenv("FAKE_PLUGIN_TO");
  unsetenv("FAKE_PLUGIN_FROM");
  run(&kg_command_renew, "web");
  expect(0);
  assert_true(printed("not due"));
  unlink(scratch_path("state/web.json"));
  setenv("FAKE_PLUGIN", "refuse", 1);
  run(&kg_command_renew, "web");
  expect(kg_status_exit_code(KG_E_IMDS_FAILED));
  assert_true(printed("no binding to go on with"));
}

static void wrong_command_lines_are_two(void **state) {
  static const struct {
    const struct kg_command *command;
    const char *line, *part;
  } table[] = {{&kg_command_provision, "", "which identity"},
               {&kg_command_provision, "nosuch", "it has: web, weak"},
               {&kg_command_provision, "web --all", "not both"},
               {&kg_command_provision, "--nix", "--nix"},
               {&kg_command_status, "nosuch", "nosuch"},
               {&kg_command_token, "web", "--scope"},
               {&kg_command_token, "web --scope https://x --output xml", "xml"},
               {&kg_command_token, "web --scope https://x --token-type pop", "pop"},
               {&kg_command_token, "--scope https://x", "one identity"},
               {&kg_command_token, "web weak --scope https://x", "one identity"},
               {&kg_command_token, "web --scope https://x --claims nothing", "claims"},
               {&kg_command_exec, "web true", "--"},
               {&kg_command_exec, "web --", "--"},
               {&kg_command_exec, "-- true", "--"},
               {&kg_command_env, "", "one identity"},
               {&kg_command_capabilities, "web", "no NAME"},
               {&kg_command_capabilities, "--timeout 0", "timeout"},
               {&kg_command_capabilities, "--timeout -1", "timeout"},
               {&kg_command_capabilities, "--timeout 1s", "timeout"},
               {&kg_command_doctor, "nosuch", "nosuch"}};
  (void)state;
  for (size_t i = 0; i < COUNT(table); i++) {
    run(table[i].command, table[i].line);
    expect(2);
    if (strstr(ran.err, table[i].part) == NULL) fail_msg("'%s' does not say '%s'", ran.err, table[i].part);
    assert_string_equal(ran.out, "");
  }
}

static void broken_configuration_is_three_with_its_line(void **state) {
  (void)state;
  char line[512];
  snprintf(line, sizeof line, "web --config %s", scratch_write("bad.conf", "[keyguard]\n\nplugn = imds\n", 0600));
  run(&kg_command_provision, line);
  expect(3);
  assert_true(printed("bad.conf:3"));
  snprintf(line, sizeof line, "web --config %s", scratch_write("open.conf", "", 0666));
  run(&kg_command_provision, line);
  expect(12);
  snprintf(line, sizeof line, "--all --config %s", empty_configuration);
  run(&kg_command_provision, line);
  expect(3);
}

static void env_prints_for_a_shell(void **state) {
  (void)state;
  run(&kg_command_env, "web");
  expect(11);
  run(&kg_command_provision, "web");
  unsetenv("KEYGUARD_MODULE");
  run(&kg_command_env, "web");
  expect(0);
  assert_true(printed("export KEYGUARD_TOKEN_ENDPOINT='https://localhost/tenant/oauth2/v2.0/token'\n"));
  assert_true(printed("KEYGUARD_CERT_URI='pkcs11:token=web;object=web;type=cert'\n"));
  assert_true(printed("/keyguard-pkcs11.so'\n"));
  run(&kg_command_env, "web --json");
  cJSON *object = json();
  assert_string_equal(text_of(object, "KEYGUARD_CLIENT_ID"), "11111111-2222-3333-4444-555555555555");
  assert_string_equal(text_of(object, "KEYGUARD_CONF"), configuration);
  cJSON_Delete(object);
  char *facts = NULL;
  free(facts);
}

static void exec_that_finds_no_command_says_so(void **state) {
  (void)state;
  run(&kg_command_provision, "web");
  run(&kg_command_exec, "web -- /nosuch/command");
  expect(127); /* as a shell says it */
  assert_true(printed("/nosuch/command"));
  run(&kg_command_exec, "web -- /etc/passwd");
  expect(126);
  assert_true(printed("/etc/passwd"));
  run(&kg_command_exec, "--json web -- /nosuch/command");
  expect(127);
  cJSON *object = json();
  assert_int_equal(cJSON_GetObjectItem(cJSON_GetObjectItem(object, "error"), "exit_code")->valueint, 127);
  cJSON_Delete(object);
}

static void doctor_is_zero_where_a_signature_works(void **state) {
  (void)state;
  run(&kg_command_doctor, "web");
  expect(kg_status_exit_code(KG_E_NOT_FOUND));
  assert_true(printed("FAIL web binding"));
  struct support_tls_server server = {.min_version = TLS1_2_VERSION, .max_version = TLS1_3_VERSION, .any_client = true};
  support_tls_server_start(&server);
  char endpoint[128];
  snprintf(endpoint, sizeof endpoint, "https://localhost:%u/tenant/oauth2/v2.0/token", server.port);
  setenv("FAKE_PLUGIN_ENDPOINT", endpoint, 1);
  run(&kg_command_provision, "web");
  run(&kg_command_doctor, "web");
  expect(0);
  assert_true(printed("ok   web signature"));
  assert_true(printed("ok   web token service"));
  assert_true(printed("warn metadata")); /* nobody is there, and this plugin works without */
  support_tls_server_stop(&server);
  assert_string_equal(server.request, ""); /* as far as the handshake */
  assert_int_equal(server.connections, 1);
  support_tls_server_clear(&server);
  run(&kg_command_doctor, "web");
  expect(kg_status_exit_code(KG_E_TRANSPORT));
  assert_true(printed("FAIL web token service"));
  assert_true(printed("ok   web signature"));
  run(&kg_command_doctor, "weak --json");
  expect(kg_status_exit_code(KG_E_KEYGUARD_UNAVAILABLE));
  cJSON *object = json();
  assert_false(cJSON_IsTrue(cJSON_GetObjectItem(object, "healthy")));
  cJSON_Delete(object);
}

static void doctor_goes_on_without_a_configuration(void **state) {
  (void)state;
  run(&kg_command_doctor, "--config /nosuch/keyguard.conf");
  expect(3);
  assert_true(printed("FAIL configuration"));
  assert_true(printed("openssl.cnf"));
}

static void version_has_the_interface(void **state) {
  (void)state;
  run(&kg_command_version, "--json");
  expect(0);
  cJSON *object = json();
  assert_string_equal(text_of(object, "version"), KEYGUARD_VERSION);
  assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(object, "plugin_interface")), 1);
  cJSON_Delete(object);
}

static void capabilities_of_a_host_without_service_are_none(void **state) {
  (void)state;
  run(&kg_command_capabilities, "--json --timeout 500");
  expect(kg_status_exit_code(KG_E_IMDS_V1_ONLY));
  cJSON *object = json();
  assert_string_equal(text_of(object, "managed_identity"), "none");
  assert_string_equal(text_of(object, "strength"), "none");
  assert_true(strlen(text_of(object, "reason")) > 0);
  cJSON_Delete(object);
}

int main(void) {
#define CLEAN(path, function)                                                                                          \
  { path, function, commands_clean, NULL, NULL }
  const struct CMUnitTest tests[] = {
      CLEAN("/commands/provision_says_what_was_issued", provision_says_what_was_issued),
      CLEAN("/commands/provision_of_all_reports_each", provision_of_all_reports_each),
      CLEAN("/commands/status_is_usable_or_eleven", status_is_usable_or_eleven),
      CLEAN("/commands/status_shows_the_last_failure", status_shows_the_last_failure),
      CLEAN("/commands/failed_renewal_says_how_long_the_old_one_lasts", failed_renewal_says_how_long_the_old_one_lasts),
      CLEAN("/commands/wrong_command_lines_are_two", wrong_command_lines_are_two),
      CLEAN("/commands/broken_configuration_is_three_with_its_line", broken_configuration_is_three_with_its_line),
      CLEAN("/commands/env_prints_for_a_shell", env_prints_for_a_shell),
      CLEAN("/commands/exec_that_finds_no_command_says_so", exec_that_finds_no_command_says_so),
      CLEAN("/commands/doctor_is_zero_where_a_signature_works", doctor_is_zero_where_a_signature_works),
      CLEAN("/commands/doctor_goes_on_without_a_configuration", doctor_goes_on_without_a_configuration),
      CLEAN("/commands/version_has_the_interface", version_has_the_interface),
      CLEAN("/commands/capabilities_of_a_host_without_service_are_none",
            capabilities_of_a_host_without_service_are_none)};
  signal(SIGPIPE, SIG_IGN);
  struct kg_error error = {0};
  if (kg_crypto_isolate(&error) != KG_OK || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return 1;
  return cmocka_run_group_tests(tests, commands_setup, commands_teardown);
}
