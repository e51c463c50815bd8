/* The built plugin, loaded as keyguardctl loads it, against a metadata service: the order of steps, what stops before
 * any request, and what never shows. */
#include "fake_attestation.h"
#include "support_service.h"

#include "core/base/encoding.h"
#include "keyguard/attestation.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct kg_credential_plugin *plugin;
static struct fake_attestation *fake;
static struct support_host host;
static struct support_service service;
static struct kg_plugin_credential *credential;
static struct kg_plugin_error error;
static char token[256], endpoint[64];

/* A token that ends in eight hours, and an endpoint that no earlier case has used. */
static void prepare_attestation(void) {
  static int cases;
  char claims[64];
  snprintf(claims, sizeof claims, "{\"exp\":%lld}", (long long)host.wall_s + 28800);
  char *payload = kg_base64url_format(kg_span_text(claims));
  snprintf(token, sizeof token, "eyJoZWFkX2NhbmFyeSI6MX0.%s.c2lnbmF0dXJlX2NhbmFyeQ", payload);
  free(payload);
  snprintf(endpoint, sizeof endpoint, "https://imds-%d.attest.azure.net", ++cases);
  memset(fake, 0, sizeof *fake);
  fake->token = token;
  service.attestation_endpoint = endpoint;
  host.request.attestation_library = FAKE_ATTESTATION;
}

static int set_up(void **state) {
  (void)state;
  support_service_start(&service, &host);
  prepare_attestation();
  memset(&error, 0, sizeof error);
  error.size = sizeof error;
  credential = NULL;
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  plugin->release_credential(credential);
  support_service_stop(&service, &host);
  return fake->freed_something_else;
}

static int acquire(void) {
  plugin->release_credential(credential);
  return plugin->acquire(&host.request, &credential, &error);
}

static void check_good(int attested) {
  if (acquire() != 0) fail_msg("%s: %s", error.sub_code, error.text);
  assert_int_equal(credential->size, sizeof *credential);
  assert_string_equal(credential->client_id, SUPPORT_CLIENT);
  assert_string_equal(credential->tenant_id, SUPPORT_TENANT);
  assert_string_equal(credential->identity_type, "SystemAssigned");
  assert_string_equal(credential->mtls_authentication_endpoint, "https://eastus.mtlsauth.microsoft.com");
  assert_string_equal(credential->token_endpoint,
                      "https://eastus.mtlsauth.microsoft.com/" SUPPORT_TENANT "/oauth2/v2.0/token");
  assert_int_equal(credential->attested, attested);
  assert_int_equal(credential->server_time_s, 784111777);
  assert_int_equal(credential->chain_count, 0);
  assert_int_equal(credential->certificate.data[0], 0x30);
}

static void check_failed(const char *code, const char *sub_code) {
  assert_int_not_equal(acquire(), 0);
  assert_null(credential);
  assert_string_equal(error.code, code);
  assert_string_equal(error.sub_code, sub_code);
  assert_int_not_equal(strlen(error.text), 0);
  assert_null(strpbrk(error.text, "\r\n"));
}

static void unattested(void **state) {
  (void)state;
  check_good(0);
  assert_int_equal(support_server_requests(service.server), 2);
  assert_int_equal(fake->calls, 0);
  assert_null(strstr(support_server_request(service.server, 1)->body, "attestation_token"));
}

static void attested(void **state) {
  (void)state;
  host.request.attestation = 1;
  check_good(1);
  assert_int_equal(support_server_requests(service.server), 2);
  assert_int_equal(fake->calls, 1);
  assert_non_null(strstr(support_server_request(service.server, 1)->body, token));
}

static void one_request_id_for_all_legs_and_a_new_one_each_time(void **state) {
  (void)state;
  check_good(0);
  check_good(0);
  char *ids[4];
  for (size_t i = 0; i < 4; i++) {
    ids[i] = support_request_header(support_server_request(service.server, i), "x-ms-client-request-id");
    assert_non_null(ids[i]);
    assert_int_equal(strlen(ids[i]), 36);
  }
  assert_string_equal(ids[0], ids[1]);
  assert_string_equal(ids[2], ids[3]);
  assert_string_not_equal(ids[0], ids[2]);
  for (size_t i = 0; i < 4; i++)
    free(ids[i]);
}

static void failure_carries_the_request_id(void **state) {
  (void)state;
  service.metadata_answers[0] = "403 {\"error\":\"forbidden\",\"error_description\":\"AADSTS51000: no\"}";
  check_failed("MSI_V2_ERROR", "managed_identity_request_failed");
  char *id = support_request_header(support_server_request(service.server, 0), "x-ms-client-request-id");
  assert_string_equal(error.correlation_id, id);
  assert_non_null(strstr(error.text, id));
  assert_int_equal(error.http_status, 403);
  assert_string_equal(error.oauth_error, "forbidden");
  assert_string_equal(error.aadsts, "AADSTS51000");
  free(id);
}

static void cached_token_serves_a_second_certificate(void **state) {
  (void)state;
  host.request.attestation = 1;
  for (int i = 0; i < 5; i++)
    check_good(1);
  assert_int_equal(fake->calls, 1);
  assert_int_equal(support_server_requests(service.server), 10);
  host.request.drop_attestation = host.request.bypass_cache = 1;
  check_good(1);
  assert_int_equal(fake->calls, 2);
  assert_non_null(strstr(support_server_request(service.server, 11)->target, "&bypass_cache=true"));
}

static void refused_token_is_not_used_again(void **state) {
  (void)state;
  host.request.attestation = 1;
  service.issue_answers[1] = "400 {}";
  service.issue_answers[3] = "403 {}";
  check_good(1);
  check_failed("MSI_V2_ERROR", "managed_identity_request_failed");
  assert_int_equal(fake->calls, 1);
  check_good(1);
  assert_int_equal(fake->calls, 2);
  check_failed("MSI_V2_ERROR", "managed_identity_request_failed"); /* 403 is about the identity */
  check_good(1);
  assert_int_equal(fake->calls, 2);
}

static void failed_attestation_issues_nothing(void **state) {
  static const char *const tokens[] = {NULL, "", "  ", "a.b"};
  (void)state;
  host.request.attestation = 1;
  for (int32_t code = -1; code >= -35; code--) {
    fake->code = code;
    check_failed("MSI_V2_ERROR", "attestation_failed");
    assert_int_equal(error.native_code, code);
  }
  fake->code = 0;
  for (size_t i = 0; i < 4; i++) {
    fake->token = tokens[i];
    check_failed("MSI_V2_ERROR", "attestation_failed");
  }
  host.request.attestation_library = "/nonexistent/library.so";
  check_failed("MSI_V2_ERROR", "attestation_failed");
  host.request.attestation_library = "library.so";
  check_failed("MSI_V2_ERROR", "attestation_failed");
  assert_int_equal(service.issue_requests, 0);
  assert_int_equal(service.metadata_requests, 41);
}

static void hostile_attestation_endpoint_is_not_called(void **state) {
  static const char *const endpoints[] = {
      "http://x.example", "//host", "https:///x", "https://user@host", "https://host\\\\x", "https:/x", ""};
  (void)state;
  host.request.attestation = 1;
  for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
    service.attestation_endpoint = endpoints[i];
    check_failed("MSI_V2_ERROR", "managed_identity_request_failed");
  }
  service.attestation_endpoint = NULL;
  check_failed("MSI_V2_ERROR", "managed_identity_request_failed");
  assert_int_equal(fake->calls, 0);
  assert_int_equal(service.issue_requests, 0);
}

static void older_service(void **state) {
  (void)state;
  for (int i = 0; i < 4; i++)
    service.metadata_answers[i] = "404 {}";
  check_failed("MSI_V2_ERROR", "mtls_pop_token_not_supported_in_imds_v1");
  assert_int_equal(support_server_requests(service.server), 4);
}

static void gates_come_before_any_request(void **state) {
  (void)state;
  host.request.proof_of_possession = 0;
  host.request.attestation = 1;
  check_failed("MSI_V2_ATTESTATION_REQUIRES_POP", "attestation_requires_pop");
  host.request.attestation = 0;
  check_failed("MSI_V2_ERROR", "pop_required");
  host.request.proof_of_possession = 1;
  setenv("MSAL_MI_DISABLE_IMDS_V2", "true", 1);
  check_failed("MSI_V2_ERROR", "mtls_pop_token_not_supported_in_imds_v1");
  unsetenv("MSAL_MI_DISABLE_IMDS_V2");
  setenv("IDENTITY_ENDPOINT", "http://127.0.0.1", 1);
  setenv("IDENTITY_HEADER", "h", 1);
  check_failed("MSI_V2_ERROR", "mtls_pop_not_supported_for_environment");
  unsetenv("IDENTITY_ENDPOINT");
  unsetenv("IDENTITY_HEADER");
  assert_int_equal(support_server_connections(service.server), 0);
  assert_int_equal(host.signatures, 0);
  assert_int_equal(fake->calls, 0);
}

static void broken_requests_come_before_any_request(void **state) {
  struct kg_plugin_request good = host.request;
  (void)state;
  host.request.size--;
  check_failed("MSI_V2_ERROR", "credential_plugin_failed");
  host.request = good;
  host.request.key = NULL;
  check_failed("MSI_V2_ERROR", "credential_plugin_failed");
  host.request = good;
  host.request.host = NULL;
  check_failed("MSI_V2_ERROR", "credential_plugin_failed");
  host.request = good;
  host.request.selector_value = "x";
  check_failed("MSI_V2_ERROR", "credential_plugin_failed");
  host.request = good;
  host.request.selector = KG_PLUGIN_CLIENT_ID;
  check_failed("MSI_V2_ERROR", "credential_plugin_failed");
  host.request.selector_value = "";
  check_failed("MSI_V2_ERROR", "credential_plugin_failed");
  host.request = good;
  host.request.metadata_endpoint = "http://user@127.0.0.1";
  check_failed("MSI_V2_ERROR", "configuration_invalid");
  host.request = good;
  host.key.bits = 3072;
  check_failed("MSI_V2_ERROR", "key_mechanism");
  assert_int_equal(support_server_connections(service.server), 0);
}

static void request_of_a_newer_caller_is_served(void **state) {
  struct {
    struct kg_plugin_request request;
    char more[64];
  } longer;
  (void)state;
  memset(&longer, 0xff, sizeof longer);
  longer.request = host.request;
  longer.request.size = sizeof longer;
  assert_int_equal(plugin->acquire(&longer.request, &credential, &error), 0);
}

static void error_of_an_older_caller_is_not_written(void **state) {
  (void)state;
  host.request.proof_of_possession = 0;
  error.size = 4;
  assert_int_not_equal(acquire(), 0);
  assert_string_equal(error.code, "");
  assert_int_not_equal(plugin->acquire(&host.request, &credential, NULL), 0);
}

/* A caller that remembers failures wants to know whether the service was bothered, and what it asked for. */
static void failure_says_what_was_sent_and_asked_for(void **state) {
  (void)state;
  host.refuse_to_sign = true; /* found out before the first leg */
  host.request.proof_of_possession = 0;
  assert_int_not_equal(acquire(), 0);
  assert_int_equal(error.requests, 0);
  host.refuse_to_sign = false;
  host.request.proof_of_possession = 1;
  for (size_t i = 0; i < 4; i++)
    service.metadata_answers[i] = "503 {}";
  assert_int_not_equal(acquire(), 0);
  assert_int_equal(error.requests, 4);
  assert_int_equal(error.retry_after_s, 0);
  service.metadata_answers[4] = "429@500 {}"; /* longer than there is time for */
  assert_int_not_equal(acquire(), 0);
  assert_int_equal(error.requests, 1);
  assert_int_equal(error.retry_after_s, 500);
  service.issue_answers[0] = "400 {}";
  assert_int_not_equal(acquire(), 0);
  assert_int_equal(error.requests, 2);
  assert_int_equal(error.retry_after_s, 0);
}

static void dead_key_issues_nothing(void **state) {
  (void)state;
  host.refuse_to_sign = true;
  check_failed("MSI_V2_ERROR", "key_dead");
  assert_int_equal(error.native_code, 30);
  assert_int_equal(service.issue_requests, 0);
}

static void deadline_covers_everything(void **state) {
  (void)state;
  host.request.attestation = 1;
  host.request.deadline_ms = host.elapsed_ms + 12000;
  service.metadata_answers[0] = "404 {}"; /* 1 s */
  service.issue_answers[0] = "410 {}";    /* 10 s: 1 s is left */
  service.issue_answers[1] = "410 {}";    /* no */
  check_failed("MSI_V2_ERROR", "request_timeout");
  assert_int_equal(error.http_status, 410);
  assert_int_equal(host.sleeps, 2);
}

/* Everything that must not show, at the most talkative level, on the good path and on failing ones. */
static void secrets_do_not_show(void **state) {
  static const struct fake_log_line talk[] = {{3, "jwt", token}, {0, "sent", token}};
  (void)state;
  memcpy(fake->log, talk, sizeof talk);
  fake->log_count = 2;
  host.request.attestation = 1;
  check_good(1);
  service.issue_answers[1] = "400 {\"error\":\"invalid_request\",\"error_description\":\"body_canary\"}";
  check_failed("MSI_V2_ERROR", "managed_identity_request_failed");
  assert_non_null(strstr(error.text, "body_canary")); /* a description is shown, a token in it is not */
  const struct support_request *seen = support_server_request(service.server, 1);
  char csr[65];
  memcpy(csr, strstr(seen->body, "MII"), 64);
  csr[64] = '\0';
  assert_true(support_host_logged(&host, "[redacted]"));
  assert_true(support_host_logged(&host, "4 "));
  const char *const secrets[] = {"eyJ", "c2lnbmF0dXJlX2NhbmFyeQ", csr, "MII", "-----BEGIN"};
  for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
    assert_false(support_host_logged(&host, secrets[i]));
    assert_null(strstr(error.text, secrets[i]));
  }
  fake->code = KG_ATTESTATION_REJECTED;
  host.request.drop_attestation = 1;
  check_failed("MSI_V2_ERROR", "attestation_failed");
  assert_non_null(strstr(error.text, "sent: [redacted]"));
}

static void versions(void **state) {
  void *handle = dlopen(IMDS_PATH, RTLD_NOW | RTLD_LOCAL), *symbol = dlsym(handle, "keyguard_credential_plugin");
  (void)state;
  kg_credential_plugin_function *entry;
  memcpy(&entry, &symbol, sizeof entry);
  assert_null(entry(0));
  assert_null(entry(KG_CREDENTIAL_PLUGIN_VERSION + 1));
  assert_string_equal(plugin->name, "imds");
  assert_string_equal(plugin->release, KEYGUARD_VERSION);
  assert_int_equal(plugin->version, KG_CREDENTIAL_PLUGIN_VERSION);
  plugin->release_credential(NULL);
  assert_null(dlsym(handle, "kg_http_perform"));
}

static int load(void **state) {
  void *handle = dlopen(IMDS_PATH, RTLD_NOW | RTLD_LOCAL), *library = dlopen(FAKE_ATTESTATION, RTLD_NOW | RTLD_LOCAL);
  (void)state;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  if (handle == NULL || library == NULL) return print_error("%s\n", dlerror()), -1;
  void *symbol = dlsym(handle, "keyguard_credential_plugin");
  kg_credential_plugin_function *entry;
  memcpy(&entry, &symbol, sizeof entry);
  plugin = entry(KG_CREDENTIAL_PLUGIN_VERSION);
  fake = dlsym(library, "fake_attestation");
  return plugin != NULL && fake != NULL ? 0 : -1;
}

#define TEST(name)                                                                                                     \
  { "/imds/" #name, name, set_up, tear_down, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(unattested),
      TEST(attested),
      TEST(one_request_id_for_all_legs_and_a_new_one_each_time),
      TEST(failure_carries_the_request_id),
      TEST(cached_token_serves_a_second_certificate),
      TEST(refused_token_is_not_used_again),
      TEST(failed_attestation_issues_nothing),
      TEST(hostile_attestation_endpoint_is_not_called),
      TEST(older_service),
      TEST(gates_come_before_any_request),
      TEST(broken_requests_come_before_any_request),
      TEST(request_of_a_newer_caller_is_served),
      TEST(error_of_an_older_caller_is_not_written),
      TEST(failure_says_what_was_sent_and_asked_for),
      TEST(dead_key_issues_nothing),
      TEST(deadline_covers_everything),
      TEST(secrets_do_not_show),
      TEST(versions),
  };
  return cmocka_run_group_tests_name("imds", tests, load, NULL);
}
