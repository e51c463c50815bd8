/* The token command against a TLS server of the test. */
#include "support_commands.h"

#include "core/base/encoding.h"
#include "core/state/binding.h"
#include "core/state/binding_reader.h"
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

#define SIGNATURE "c2lnbmF0dXJlLWNhbmFyeQ" /* the canary: it must be where a token belongs and nowhere else */

static struct support_tls_server server;

static void start_service_for(bool any_client) {
  static char endpoint[128];
  server = (struct support_tls_server){
      .min_version = TLS1_2_VERSION, .max_version = TLS1_3_VERSION, .any_client = any_client};
  support_tls_server_start(&server);
  snprintf(endpoint, sizeof endpoint, "https://localhost:%u/tenant/oauth2/v2.0/token", server.port);
  setenv("FAKE_PLUGIN_ENDPOINT", endpoint, 1);
  run(&kg_command_provision, "web");
  expect(0);
}

static void start_service(void) {
  start_service_for(true);
}

static void stop_service(void) {
  support_tls_server_stop(&server);
  support_tls_server_clear(&server);
}

/* The server's answers from now on. */
static void refuse(const char *status, const char *body) {
  snprintf(server.answer, sizeof server.answer, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
           status, strlen(body), body);
}

/* A token with this thumbprint, NULL: the right one. */
static void answer(const char *thumbprint, const char *type) {
  struct kg_binding *binding = NULL;
  struct kg_error error = {0};
  assert_int_equal(kg_binding_load(scratch_path("state/web.json"), &binding, NULL, &error), KG_OK);
  char *right = kg_base64url_format(kg_span_of(binding->sha256, 32));
  char claims[256];
  snprintf(claims, sizeof claims, "{\"cnf\":{\"x5t#S256\":\"%s\"}}", thumbprint != NULL ? thumbprint : right);
  char *payload = kg_base64url_format(kg_span_text(claims));
  char body[2048];
  snprintf(body, sizeof body,
           "{\"access_token\":\"eyJhbGciOiJSUzI1NiJ9.%s." SIGNATURE "\",\"token_type\":\"%s\",\"expires_in\":3599}",
           payload, type);
  snprintf(server.answer, sizeof server.answer,
           "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
           strlen(body), body);
  free(right);
  free(payload);
  kg_binding_free(&binding);
}

static void token_prints_the_token_alone(void **state) {
  (void)state;
  start_service();
  answer(NULL, "mtls_pop");
  run(&kg_command_token, "web --scope https://vault.azure.net/");
  expect(0);
  assert_int_equal(strncmp(ran.out, "eyJ", 3), 0);
  assert_non_null(strstr(ran.out, "." SIGNATURE "\n"));
  assert_string_equal(ran.err, "");
  run(&kg_command_token, "web --scope https://vault.azure.net/ --output header");
  expect(0);
  assert_int_equal(strncmp(ran.out, "Authorization: mtls_pop eyJ", 27), 0);
  run(&kg_command_token, "web --scope https://vault.azure.net/ --json");
  expect(0);
  cJSON *object = json();
  assert_string_equal(text_of(object, "scope"), "https://vault.azure.net/.default");
  assert_int_equal(strlen(text_of(object, "thumbprint")), 43);
  cJSON_Delete(object);
  stop_service();
  assert_non_null(strstr(server.request, "POST /tenant/oauth2/v2.0/token HTTP/1.1\r\n"));
  assert_non_null(strstr(server.request, "client_id=11111111-2222-3333-4444-555555555555&grant_type="));
}

static void unbound_token_is_never_printed(void **state) {
  (void)state;
  start_service();
  answer("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "mtls_pop");
  static const char *const lines[] = {"web -s https://x -vv", "web -s https://x -vv --json",
                                      "web -s https://x -vv -o header"};
  for (size_t i = 0; i < COUNT(lines); i++) {
    run(&kg_command_token, lines[i]);
    expect(kg_status_exit_code(KG_E_TOKEN_INVALID));
    assert_false(printed(SIGNATURE));
  }
  answer(NULL, "Bearer");
  run(&kg_command_token, "web -s https://x -vv --json");
  expect(kg_status_exit_code(KG_E_TOKEN_TYPE_MISMATCH));
  assert_false(printed(SIGNATURE));
  stop_service();
}

/* At the highest level: the token only where it was asked for, the PIN and the claims nowhere. */
static void nothing_secret_is_logged(void **state) {
  (void)state;
  start_service();
  answer(NULL, "mtls_pop");
  run(&kg_command_token, "web -s https://x -vv --claims {\"claims-canary\":1}");
  expect(0);
  assert_null(strstr(ran.err, SIGNATURE));
  assert_null(strstr(ran.log, SIGNATURE));
  assert_false(printed("claims-canary"));
  run(&kg_command_provision, "web -vv --force");
  expect(0);
  assert_false(printed("pin-source"));
  assert_false(printed("BEGIN"));
  run(&kg_command_status, "web -vv --json --check-key");
  assert_false(printed("pin-source"));
  run(&kg_command_doctor, "web -vv");
  assert_false(printed("pin-source"));
  stop_service();
}

/* No usable binding: the token command obtains one first. */
static void token_provisions_what_it_needs(void **state) {
  (void)state;
  start_service();
  unlink(scratch_path("state/web.json"));
  refuse("400 Bad Request", "{\"error\":\"invalid_request_xx\"}");
  run(&kg_command_token, "web -s https://x --json");
  expect(kg_status_exit_code(KG_E_TOKEN_REJECTED));
  cJSON *object = json(), *error = cJSON_GetObjectItem(object, "error");
  assert_string_equal(text_of(error, "oauth_error"), "invalid_request_xx");
  assert_int_equal(strlen(text_of(error, "correlation_id")), 36);
  cJSON_Delete(object);
  assert_int_equal(access(scratch_path("state/web.json"), F_OK), 0);
  stop_service();
}

static void rejected_certificate_is_replaced_once(void **state) {
  (void)state;
  start_service();
  char *text = scratch_read(scratch_path("state/web.json"));
  char before[64];
  snprintf(before, sizeof before, "%.60s", strstr(text, "\"sha256\""));
  free(text);
  refuse("401 Unauthorized", "{\"error\":\"invalid_client\"}");
  run(&kg_command_token, "web -s https://x");
  expect(kg_status_exit_code(KG_E_TOKEN_REJECTED));
  stop_service();
  unsigned connections = server.connections;
  assert_int_equal(connections, 2);
  text = scratch_read(scratch_path("state/web.json"));
  assert_null(strstr(text, before));
  free(text);
}

/* The service ends the handshake with an alert about the certificate. */
static void alert_about_the_certificate_replaces_it_once(void **state) {
  (void)state;
  start_service_for(false);
  run(&kg_command_token, "web -s https://x");
  expect(kg_status_exit_code(KG_E_TLS));
  assert_true(printed("alert 48"));
  assert_true(printed("is replaced"));
  stop_service();
  assert_int_equal(server.connections, 2);
}

static void service_that_is_not_trusted_replaces_nothing(void **state) {
  (void)state;
  start_service();
  answer(NULL, "mtls_pop");
  char *original = scratch_read(configuration);
  char *trust = strstr(original, "ca-file");
  char text[4096];
  snprintf(text, sizeof text, "%.*s%s", (int)(trust - original), original, strchr(trust, '\n') + 1);
  free(original);
  char line[512];
  snprintf(line, sizeof line, "web -s https://x --config %s", scratch_write("untrusting.conf", text, 0600));
  run(&kg_command_token, line);
  expect(kg_status_exit_code(KG_E_TLS));
  assert_true(printed("server_untrusted"));
  assert_false(printed("is replaced"));
  stop_service();
}

int main(void) {
#define CLEAN(path, function)                                                                                          \
  { path, function, commands_clean, NULL, NULL }
  const struct CMUnitTest tests[] = {
      CLEAN("/token_command/token_prints_the_token_alone", token_prints_the_token_alone),
      CLEAN("/token_command/unbound_token_is_never_printed", unbound_token_is_never_printed),
      CLEAN("/token_command/nothing_secret_is_logged", nothing_secret_is_logged),
      CLEAN("/token_command/token_provisions_what_it_needs", token_provisions_what_it_needs),
      CLEAN("/token_command/rejected_certificate_is_replaced_once", rejected_certificate_is_replaced_once),
      CLEAN("/token_command/alert_about_the_certificate_replaces_it_once",
            alert_about_the_certificate_replaces_it_once),
      CLEAN("/token_command/service_that_is_not_trusted_replaces_nothing",
            service_that_is_not_trusted_replaces_nothing)};
  signal(SIGPIPE, SIG_IGN);
  struct kg_error error = {0};
  if (kg_crypto_isolate(&error) != KG_OK || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return 1;
  return cmocka_run_group_tests(tests, commands_setup, commands_teardown);
}
