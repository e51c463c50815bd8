/* The plugin against the emulator of Azure's side, which shares no code with it and reads every request strictly. */
#include "plugin/acquire.h"
#include "plugin/issued_credential.h"
#include "support_host.h"

#include <cJSON.h>
#include <curl/curl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/kg-test-emulator-XXXXXX", directory[64];
static pid_t pid;
static cJSON *facts;
static struct support_host host;
static struct kg_plugin_credential *credential;
static struct kg_plugin_error error;

static const char *fact(const char *name) {
  const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(facts, name));
  assert_non_null(value);
  return value;
}

static cJSON *read_facts(void) {
  char path[96];
  snprintf(path, sizeof path, "%s/emulator.json", directory);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  char text[16384];
  size_t len = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[len] = '\0';
  return cJSON_Parse(text);
}

/* Up to five more arguments. */
static void start(const char *const *more) {
  const char *arguments[12] = {EMULATOR_PATH, "--directory", directory};
  for (size_t i = 0; more != NULL && more[i] != NULL; i++)
    arguments[3 + i] = more[i];
  int ready[2];
  assert_int_equal(pipe(ready), 0);
  pid = fork();
  if (pid == 0) {
    dup2(ready[1], STDOUT_FILENO);
    close(ready[0]);
    close(ready[1]);
    execv(arguments[0], (char **)arguments);
    _exit(127);
  }
  close(ready[1]);
  FILE *out = fdopen(ready[0], "r");
  char line[128] = "";
  assert_non_null(fgets(line, sizeof line, out));
  fclose(out);
  assert_int_equal(strncmp(line, "ready ", 6), 0);
  facts = read_facts();
  support_host_init(&host, fact("url"));
  error.size = sizeof error;
}

static int tear_down(void **state) {
  (void)state;
  kg_issued_credential_release(credential);
  credential = NULL;
  int status = 0;
  if (pid > 0) {
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    pid = 0;
  }
  support_host_clear(&host);
  cJSON_Delete(facts);
  facts = NULL;
  return status;
}

static int acquire(void) { /* what the last one brought is given back first */
  kg_issued_credential_release(credential);
  credential = NULL;
  int rc = kg_imds_acquire(&host.request, &credential, &error);

  if (rc) print_message("%s: %s\n", error.sub_code, error.text);
  return rc;
}

static void check_credential(const char *client_id, const char *identity_type) {
  assert_int_equal(acquire(), 0);
  assert_string_equal(credential->client_id, client_id);
  assert_string_equal(credential->tenant_id, fact("tenant_id"));
  assert_string_equal(credential->identity_type, identity_type);
  assert_string_equal(credential->mtls_authentication_endpoint, fact("token_origin"));
  assert_string_equal(credential->token_endpoint, fact("token_url"));
  assert_int_equal(credential->attested, 0);
  assert_true(credential->server_time_s > 1700000000);
  assert_true(credential->certificate.len > 500);
  assert_null(credential->chain);
  kg_issued_credential_release(credential);
  credential = NULL;
}

static void system_assigned(void **state) {
  (void)state;
  start(NULL);
  check_credential(fact("system_client_id"), "SystemAssigned");
  check_credential(fact("system_client_id"), "SystemAssigned");
}

static void user_assigned_by_each_selector(void **state) {
  (void)state;
  start(NULL);
  host.request.selector = KG_PLUGIN_CLIENT_ID;
  host.request.selector_value = fact("user1_client_id");
  check_credential(fact("user1_client_id"), "UserAssigned");
  host.request.selector = KG_PLUGIN_OBJECT_ID;
  host.request.selector_value = fact("user1_object_id");
  check_credential(fact("user1_client_id"), "UserAssigned");
  host.request.selector = KG_PLUGIN_RESOURCE_ID;
  host.request.selector_value = fact("user2_resource_id");
  check_credential(fact("user2_client_id"), "UserAssigned");
}

static void scale_set_and_intermediate_issuer(void **state) {
  static const char *const more[] = {"--scale-set", "--intermediate", "--no-attestation-endpoint", NULL};
  (void)state;
  start(more);
  check_credential(fact("system_client_id"), "SystemAssigned");
}

static void unassigned_identity_is_told(void **state) {
  (void)state;
  start(NULL);
  host.request.selector = KG_PLUGIN_CLIENT_ID;
  host.request.selector_value = "00000000-1111-2222-3333-444444444444";
  assert_int_equal(acquire(), KG_E_IDENTITY);
  assert_int_equal(error.http_status, 400);
  assert_int_equal(host.sleeps, 0);
}

static void host_that_requires_attestation_is_told(void **state) {
  static const char *const more[] = {"--require-attestation", NULL};
  (void)state;
  start(more);
  assert_int_equal(acquire(), KG_E_IMDS_FAILED);
  assert_int_equal(error.http_status, 400);
  assert_non_null(strstr(error.text, "Attestation Token is missing"));
  assert_string_equal(error.code, "MSI_V2_ERROR");
  assert_int_equal(host.sleeps, 0);
}

static void post(const char *path, const char *json) {
  char url[256];
  CURL *curl = curl_easy_init();
  snprintf(url, sizeof url, "%s/emulator/%s", fact("url"), path);
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_PROXY, "");
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, json);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, stderr);
  assert_int_equal(curl_easy_perform(curl), CURLE_OK);
  curl_easy_cleanup(curl);
}

static void start_attesting(void) {
  static const char *const more[] = {"--require-attestation", NULL};
  start(more);
  setenv("AZURE_EMULATOR_CA", fact("ca"), 1);
  host.request.attestation = 1;
  host.request.attestation_library = AZURE_ATTESTATION;
}

/* The library logs its token at level debug. */
static void attested_key(void **state) {
  (void)state;
  start_attesting();
  assert_int_equal(acquire(), 0);
  assert_int_equal(credential->attested, 1);
  assert_true(support_host_logged(&host, "[redacted]"));
  assert_false(support_host_logged(&host, "eyJ"));
  assert_true(support_host_logged(&host, "attestation: a token of"));
}

static void attestation_that_fails_or_lies_issues_nothing(void **state) {
  static const struct {
    const char *fault, *reason;
  } rows[] = {
      {"{\"endpoint\":\"attestation\",\"status\":400,\"body\":{\"error\":{\"code\":\"PolicyEvaluationError\","
       "\"message\":\"x-ms-azurevm-dbxvalidated=false\"}}}",
       "returned -"},
      {"{\"endpoint\":\"attestation\",\"wrong_key\":true}", "is for another key"},
      {"{\"endpoint\":\"attestation\",\"validity_s\":-10}", "already expired"},
      {"{\"endpoint\":\"attestation\",\"not_before_s\":3600}", "not yet valid"},
  };
  (void)state;
  start_attesting();
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    post("faults", rows[i].fault);
    assert_int_equal(acquire(), KG_E_ATTESTATION_FAILED);
    if (strstr(error.text, rows[i].reason) == NULL) fail_msg("\"%s\" has no \"%s\"", error.text, rows[i].reason);
    assert_false(support_host_logged(&host, "eyJ"));
  }
  assert_false(support_host_logged(&host, "issuecredential"));
}

/* The issuer looks at the signature, which we cannot. */
static void forged_attestation_is_refused_by_the_issuer(void **state) {
  (void)state;
  start_attesting();
  post("faults", "{\"endpoint\":\"attestation\",\"wrong_signature\":true}");
  assert_int_equal(acquire(), KG_E_IMDS_FAILED);
  assert_int_equal(error.http_status, 400);
  assert_non_null(strstr(error.text, "Attestation Token is invalid"));
  host.request.drop_attestation = host.request.bypass_cache = 1;
  assert_int_equal(acquire(), 0);
}

static void redirects_are_refused_without_a_trace(void **state) {
  (void)state;
  start(NULL);
  char fault[256];
  snprintf(fault, sizeof fault, "{\"endpoint\":\"issue\",\"status\":307,\"headers\":{\"Location\":\"%s\"}}",
           fact("canary_url"));
  post("faults", fault);
  assert_int_equal(acquire(), KG_E_IMDS_FAILED);
  assert_int_equal(error.http_status, 307);
}

static void certificate_from_too_far_ahead_is_refused(void **state) {
  static const char *const more[] = {"--not-before", "3600", NULL};
  (void)state;
  start(more);
  assert_int_equal(acquire(), KG_E_INVALID_CERTIFICATE);
  assert_non_null(strstr(error.text, "begins at"));
}

/* Retries of the acceptance list (docs/protocol.md 13), by number and name: the clock is ours, the service is the
 * emulator. */

static size_t take(char *data, size_t size, size_t count, void *context) {
  char *text = context;
  size_t len = strlen(text);
  assert_true(len + size * count < 65536);
  memcpy(text + len, data, size * count);
  text[len + size * count] = '\0';
  return size * count;
}

static int requests(const char *endpoint) {
  static char text[65536];
  CURL *curl = curl_easy_init();
  text[0] = '\0';
  char url[256];
  snprintf(url, sizeof url, "%s/emulator/counters", fact("url"));
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, text);
  assert_int_equal(curl_easy_perform(curl), CURLE_OK);
  curl_easy_cleanup(curl);
  cJSON *json = cJSON_Parse(text);
  int count = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(json, endpoint), "requests")->valueint;
  cJSON_Delete(json);
  return count;
}

static void check_waits(const int64_t *waits, size_t count) {
  assert_int_equal(host.sleeps, count);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(host.slept_ms[i], waits[i]);
}

static void v1_only_404(void **state) { /* 6 */
  (void)state;
  start(NULL);
  post("faults", "{\"endpoint\":\"metadata\",\"status\":404,\"times\":4}");
  assert_int_equal(acquire(), KG_E_IMDS_V1_ONLY);
  assert_string_equal(error.sub_code, "mtls_pop_token_not_supported_in_imds_v1");
  check_waits((const int64_t[]){1000, 2000, 4000}, 3);
  assert_int_equal(requests("metadata"), 4);
}

static void retry_404_twice(void **state) { /* 103 */
  (void)state;
  start(NULL);
  post("faults", "{\"endpoint\":\"metadata\",\"status\":404,\"times\":2}");
  assert_int_equal(acquire(), 0);
  check_waits((const int64_t[]){1000, 2000}, 2);
  assert_int_equal(requests("metadata"), 3);
}

static void retry_410(void **state) { /* 104 */
  static const int64_t tens[] = {10000, 10000, 10000, 10000, 10000, 10000, 10000};
  (void)state;
  start(NULL);
  post("faults", "{\"endpoint\":\"metadata\",\"status\":410,\"times\":4}");
  assert_int_equal(acquire(), 0);
  check_waits(tens, 4);
  host.sleeps = 0;
  host.request.deadline_ms = host.elapsed_ms + 120000;
  post("faults", "{\"endpoint\":\"metadata\",\"status\":410,\"times\":8}");
  assert_int_equal(acquire(), KG_E_IMDS_FAILED);
  assert_int_equal(error.http_status, 410);
  check_waits(tens, 7);
  assert_int_equal(requests("metadata"), 5 + 8);
}

static void retry_504_forever(void **state) { /* 105 */
  (void)state;
  start(NULL);
  post("faults", "{\"endpoint\":\"metadata\",\"status\":504,\"times\":4}");
  assert_int_equal(acquire(), KG_E_IMDS_FAILED);
  assert_int_equal(error.http_status, 504);
  assert_int_equal(requests("metadata"), 4);
  assert_int_equal(requests("issue"), 0);
}

static void retry_400(void **state) { /* 106 */
  (void)state;
  start(NULL);
  post("faults", "{\"endpoint\":\"metadata\",\"status\":400}");
  assert_int_equal(acquire(), KG_E_IMDS_FAILED);
  assert_int_equal(requests("metadata"), 1);
  check_waits(NULL, 0);
}

static void retry_disabled(void **state) { /* 107: without time for a wait there is one request */
  (void)state;
  start(NULL);
  host.request.deadline_ms = host.elapsed_ms + 1000;
  post("faults", "{\"endpoint\":\"metadata\",\"status\":500,\"times\":-1}");
  assert_int_equal(acquire(), KG_E_TIMEOUT);
  assert_int_equal(error.http_status, 500);
  assert_int_equal(requests("metadata"), 1);
}

static void retry_timeout(void **state) { /* 108: .NET fails at once here, Go and we do not */
  (void)state;
  start(NULL);
  host.request.deadline_ms = host.elapsed_ms + 2000; /* of which the first attempt really waits all */
  post("faults", "{\"endpoint\":\"metadata\",\"delay_ms\":5000}");
  assert_int_equal(acquire(), 0);
  check_waits((const int64_t[]){1000}, 1);
  assert_int_equal(requests("metadata"), 2);
}

static void retry_429_as_long_as_it_asks_for(void **state) {
  (void)state;
  start(NULL);
  post("faults", "{\"endpoint\":\"issue\",\"status\":429,\"headers\":{\"Retry-After\":\"30\"}}");
  assert_int_equal(acquire(), 0);
  check_waits((const int64_t[]){30000}, 1);
  assert_true(support_host_logged(&host, "retry 1 of 3 in 30000 ms"));
  post("faults", "{\"endpoint\":\"issue\",\"status\":429,\"times\":2}");
  assert_int_equal(acquire(), 0);
  check_waits((const int64_t[]){30000, 1000, 2000}, 3);
}

static void one_deadline_covers_both_legs(void **state) {
  (void)state;
  start(NULL);
  host.request.deadline_ms = host.elapsed_ms + 65000;
  post("faults", "{\"endpoint\":\"metadata\",\"status\":410,\"times\":6}");
  post("faults", "{\"endpoint\":\"issue\",\"status\":410,\"times\":-1}");
  assert_int_equal(acquire(), KG_E_TIMEOUT);
  assert_int_equal(host.elapsed_ms, 5000 + 60000);
  assert_int_equal(requests("metadata"), 7);
  assert_int_equal(requests("issue"), 1);
}

static int prepare(void **state) {
  (void)state;
  if (mkdtemp(folder) == NULL) return -1;
  snprintf(directory, sizeof directory, "%s/env", folder);
  return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -1;
}

static int clean(void **state) {
  (void)state;
  rmdir(directory);
  return rmdir(folder);
}

#define TEST(name)                                                                                                     \
  { "/emulator/" #name, name, NULL, tear_down, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(system_assigned),
      TEST(user_assigned_by_each_selector),
      TEST(scale_set_and_intermediate_issuer),
      TEST(unassigned_identity_is_told),
      TEST(host_that_requires_attestation_is_told),
      TEST(attested_key),
      TEST(attestation_that_fails_or_lies_issues_nothing),
      TEST(forged_attestation_is_refused_by_the_issuer),
      TEST(redirects_are_refused_without_a_trace),
      TEST(certificate_from_too_far_ahead_is_refused),
      TEST(v1_only_404),
      TEST(retry_404_twice),
      TEST(retry_410),
      TEST(retry_504_forever),
      TEST(retry_400),
      TEST(retry_disabled),
      TEST(retry_timeout),
      TEST(retry_429_as_long_as_it_asks_for),
      TEST(one_deadline_covers_both_legs),
  };
  return cmocka_run_group_tests_name("emulator", tests, prepare, clean);
}
