/* The second leg: what is sent, and what of an answer is believed. */
#include "plugin/issue.h"
#include "support_service.h"

#include <cJSON.h>
#include <curl/curl.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define JWT "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjF9.c2lnbmF0dXJlX2NhbmFyeQ"

static struct support_host host;
static struct support_service service;
static struct kg_metadata metadata;
static struct kg_issued issued;
static struct kg_error error;
static cJSON *answer;

static int set_up(void **state) {
  (void)state;
  memset(&error, 0, sizeof error);
  memset(&issued, 0, sizeof issued);
  support_service_start(&service, &host);
  metadata = (struct kg_metadata){.client_id = (char *)SUPPORT_CLIENT, .tenant_id = (char *)SUPPORT_TENANT};
  char *certificate = support_certificate_base64(&service.certificate);
  answer = cJSON_CreateObject();
  cJSON_AddStringToObject(answer, "client_id", SUPPORT_CLIENT);
  cJSON_AddStringToObject(answer, "tenant_id", SUPPORT_TENANT);
  cJSON_AddStringToObject(answer, "certificate", certificate);
  cJSON_AddStringToObject(answer, "identity_type", "SystemAssigned");
  cJSON_AddStringToObject(answer, "mtls_authentication_endpoint", "https://eastus.mtlsauth.microsoft.com/");
  free(certificate);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  cJSON_Delete(answer);
  kg_issued_clear(&issued);
  support_service_stop(&service, &host);
  return 0;
}

static enum kg_status parse_text(const char *text) {
  kg_issued_clear(&issued);
  kg_error_clear(&error);
  return kg_issue_parse(&host.acquisition, &metadata, kg_span_text(text), &issued, &error);
}

static enum kg_status parse(void) {
  char *text = cJSON_PrintUnformatted(answer);
  enum kg_status status = parse_text(text);
  cJSON_free(text);
  return status;
}

static void replace(const char *name, cJSON *value) {
  cJSON_DeleteItemFromObjectCaseSensitive(answer, name);
  if (value != NULL) cJSON_AddItemToObject(answer, name, value);
}

static void whole_answer(void **state) {
  (void)state;
  cJSON_AddStringToObject(answer, "token_endpoint", "https://elsewhere.example/");
  assert_int_equal(parse(), KG_OK);
  assert_string_equal(issued.client_id, SUPPORT_CLIENT);
  assert_string_equal(issued.tenant_id, SUPPORT_TENANT);
  assert_string_equal(issued.identity_type, "SystemAssigned");
  assert_string_equal(issued.endpoint, "https://eastus.mtlsauth.microsoft.com");
  assert_string_equal(issued.token_endpoint,
                      "https://eastus.mtlsauth.microsoft.com/" SUPPORT_TENANT "/oauth2/v2.0/token");
  assert_int_equal(issued.certificate.data[0], 0x30);
}

static const char *const names[] = {"client_id", "tenant_id", "identity_type", "mtls_authentication_endpoint"};

static void required_members(void **state) {
  (void)state;
  for (size_t i = 0; i < 4; i++) {
    cJSON *values[] = {NULL, cJSON_CreateNull(), cJSON_CreateString(""), cJSON_CreateNumber(5), cJSON_CreateArray()};
    cJSON *good = cJSON_DetachItemFromObjectCaseSensitive(answer, names[i]);
    for (size_t j = 0; j < 5; j++) {
      replace(names[i], values[j]);
      assert_int_equal(parse(), KG_E_IMDS_FAILED);
      assert_non_null(strstr(error.text, names[i]));
      assert_null(issued.certificate.data);
    }
    replace(names[i], good);
  }
  assert_int_equal(parse(), KG_OK);
}

/* What a binding could not hold is refused here, where it has a name, and not when it is stored. */
static void texts_that_nobody_can_store(void **state) {
  char longer[3001];
  (void)state;
  memset(longer, 'x', sizeof longer - 1);
  longer[sizeof longer - 1] = '\0';
  for (size_t i = 0; i < 4; i++) {
    cJSON *values[] = {cJSON_CreateString(longer), cJSON_CreateString("a\001b"), cJSON_CreateString("a\nb"),
                       cJSON_CreateString("a\177b"), cJSON_CreateString("\303\244")};
    cJSON *good = cJSON_DetachItemFromObjectCaseSensitive(answer, names[i]);
    for (size_t j = 0; j < 5; j++) {
      replace(names[i], values[j]);
      enum kg_status status = parse();
      if (status != KG_E_IMDS_FAILED && status != KG_E_IDENTITY) fail_msg("%s, value %zu: %d", names[i], j, status);
      assert_non_null(strstr(error.text, names[i]));
    }
    replace(names[i], good);
  }
}

static void certificate_member(void **state) {
  cJSON *bad[] = {cJSON_CreateNull(), cJSON_CreateString(""), cJSON_CreateNumber(5), cJSON_CreateString("%%%"),
                  cJSON_CreateString("AAAA")};
  (void)state;
  replace("certificate", NULL);
  assert_int_equal(parse(), KG_E_IMDS_FAILED);
  assert_non_null(strstr(error.text, "certificate"));
  for (size_t i = 0; i < 5; i++) {
    replace("certificate", bad[i]);
    assert_int_equal(parse(), KG_E_INVALID_CERTIFICATE);
  }
}

static void everything_missing_is_named(void **state) {
  (void)state;
  assert_int_equal(parse_text("{}"), KG_E_IMDS_FAILED);
  for (size_t i = 0; i < 4; i++)
    assert_non_null(strstr(error.text, names[i]));
  assert_non_null(strstr(error.text, "certificate"));
}

static void duplicates_and_other_texts(void **state) {
  static const char *const texts[] = {"", "[]", "null", "{", "{}x", "<xml/>"};
  char *text = cJSON_PrintUnformatted(answer), *twice = malloc(strlen(text) + 64);
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    assert_int_equal(parse_text(texts[i]), KG_E_IMDS_FAILED);
  assert_non_null(twice);
  sprintf(twice, "{\"client_id\":\"other\",%s", text + 1);
  assert_int_equal(parse_text(twice), KG_E_IMDS_FAILED);
  assert_non_null(strstr(error.text, "twice"));
  cJSON_free(text);
  free(twice);
}

static void damaged_bodies_are_survived(void **state) {
  char *good = cJSON_PrintUnformatted(answer), *body = malloc(strlen(good) + 1);
  size_t size = strlen(good);
  (void)state;
  assert_non_null(body);
  for (size_t i = 0; i < size; i++) {
    strcpy(body, good);
    body[i] = '"';
    if (parse_text(body) != KG_OK) assert_null(issued.certificate.data);
    body[i] = '\0';
    assert_int_equal(parse_text(body), KG_E_IMDS_FAILED);
  }
  cJSON_free(good);
  free(body);
}

static void identity_of_the_first_leg(void **state) {
  (void)state;
  metadata.client_id = (char *)"11111111-2222-3333-4444-555555555556";
  assert_int_equal(parse(), KG_E_IDENTITY);
  assert_non_null(strstr(error.text, "client_id"));
  metadata.client_id = (char *)SUPPORT_CLIENT;
  metadata.tenant_id = (char *)"AAAAAAAA-BBBB-CCCC-DDDD-EEEEEEEEEEEE"; /* any case */
  assert_int_equal(parse(), KG_OK);
  metadata.tenant_id = (char *)"bbbbbbbb-bbbb-cccc-dddd-eeeeeeeeeeee";
  assert_int_equal(parse(), KG_E_IDENTITY);
  assert_non_null(strstr(error.text, "tenant_id"));
}

static void token_endpoint_rules(void **state) {
  static const struct {
    const char *endpoint, *token_endpoint; /* NULL: refused */
  } rows[] = {
      {"https://r.example", "https://r.example/" SUPPORT_TENANT "/oauth2/v2.0/token"},
      {"https://r.example/path/", "https://r.example/" SUPPORT_TENANT "/oauth2/v2.0/token"},
      {"r.example:8443", "https://r.example:8443/" SUPPORT_TENANT "/oauth2/v2.0/token"},
      {"http://r.example", NULL},
      {"https://user@r.example", NULL},
      {"https://r.example\\x", NULL},
      {"https://r.example:", NULL},
      {"https:///x", NULL},
      {" https://r.example", NULL},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    replace("mtls_authentication_endpoint", cJSON_CreateString(rows[i].endpoint));
    assert_int_equal(parse(), rows[i].token_endpoint != NULL ? KG_OK : KG_E_IMDS_FAILED);
    if (rows[i].token_endpoint != NULL) assert_string_equal(issued.token_endpoint, rows[i].token_endpoint);
  }
}

static void token_endpoint_keeps_to_the_allowed_hosts(void **state) {
  static const char *const good[] = {"mtlsauth.microsoft.com", NULL}, *const bad[] = {"login.example", NULL};
  (void)state;
  host.request.allowed_hosts = good;
  assert_int_equal(parse(), KG_OK);
  host.request.allowed_hosts = bad;
  assert_int_equal(parse(), KG_E_IMDS_FAILED);
}

static void certificate_of_another_key_or_name(void **state) {
  EVP_PKEY *other = support_key_rsa(2048);
  struct support_certificate what = service.certificate;
  (void)state;
  what.key = other;
  char *text = support_certificate_base64(&what);
  replace("certificate", cJSON_CreateString(text));
  free(text);
  assert_int_equal(parse(), KG_E_INVALID_CERTIFICATE);
  what = service.certificate;
  what.common_name = SUPPORT_TENANT;
  text = support_certificate_base64(&what);
  replace("certificate", cJSON_CreateString(text));
  free(text);
  assert_int_equal(parse(), KG_E_INVALID_CERTIFICATE);
  EVP_PKEY_free(other);
}

static void surprising_identity_type_is_only_told(void **state) {
  (void)state;
  assert_int_equal(parse(), KG_OK);
  assert_false(support_host_logged(&host, "identity_type"));
  replace("identity_type", cJSON_CreateString("UAMI"));
  assert_int_equal(parse(), KG_OK);
  assert_true(support_host_logged(&host, "identity_type is not SystemAssigned"));
}

static void short_life_is_told(void **state) {
  (void)state;
  service.certificate.not_after = host.wall_s + 86400;
  char *text = support_certificate_base64(&service.certificate);
  replace("certificate", cJSON_CreateString(text));
  free(text);
  assert_int_equal(parse(), KG_OK);
  assert_true(support_host_logged(&host, "ends in 86400 s"));
}

static enum kg_status issue(const char *token) {
  kg_error_clear(&error);
  return kg_issue(&host.acquisition, &metadata, "AAAA+/==", kg_span_text(token), &issued, &error);
}

static void body_holds_the_token_only_where_there_is_one(void **state) {
  (void)state;
  assert_int_equal(issue(NULL), KG_OK);
  assert_string_equal(support_server_request(service.server, 0)->body, "{\"csr\":\"AAAA+/==\"}");
  kg_issued_clear(&issued);
  assert_int_equal(issue(JWT), KG_OK);
  assert_string_equal(support_server_request(service.server, 1)->body,
                      "{\"csr\":\"AAAA+/==\",\"attestation_token\":\"" JWT "\"}");
  assert_int_equal(issued.server_time_s, 784111777);
}

static void body_is_a_credential_and_appears_nowhere(void **state) {
  (void)state;
  service.issue_answers[0] = "400 {\"error\":\"invalid_request\",\"error_description\":\"bad token " JWT "\"}";
  assert_int_equal(issue(JWT), KG_E_IMDS_FAILED);
  assert_null(strstr(error.text, "eyJ"));
  assert_non_null(strstr(error.text, "bad token [redacted]"));
  assert_false(support_host_logged(&host, "eyJ"));
  assert_false(support_host_logged(&host, "AAAA+"));
}

static void cache_is_bypassed_on_demand_only(void **state) {
  (void)state;
  assert_int_equal(issue(NULL), KG_OK);
  assert_string_equal(support_server_request(service.server, 0)->target,
                      "/metadata/identity/issuecredential?cred-api-version=2.0");
  kg_issued_clear(&issued);
  host.request.bypass_cache = 1;
  host.request.selector = KG_PLUGIN_OBJECT_ID;
  host.request.selector_value = "o";
  assert_int_equal(issue(NULL), KG_OK);
  assert_string_equal(support_server_request(service.server, 1)->target,
                      "/metadata/identity/issuecredential?cred-api-version=2.0&object_id=o&bypass_cache=true");
}

static void bypass_that_is_not_understood_is_left_out_once(void **state) {
  (void)state;
  host.request.bypass_cache = 1;
  service.issue_answers[0] = "400 {\"error\":\"invalid_request\"}";
  assert_int_equal(issue(NULL), KG_OK);
  assert_int_equal(support_server_requests(service.server), 2);
  assert_null(strstr(support_server_request(service.server, 1)->target, "bypass_cache"));
  service.issue_answers[2] = service.issue_answers[3] = "400 {}";
  kg_issued_clear(&issued);
  assert_int_equal(issue(NULL), KG_E_IMDS_FAILED);
  assert_int_equal(support_server_requests(service.server), 4);
  service.issue_answers[4] = "403 {}"; /* another refusal is final */
  assert_int_equal(issue(NULL), KG_E_IMDS_FAILED);
  assert_int_equal(support_server_requests(service.server), 5);
}

static void server_header_is_not_asked_for(void **state) {
  (void)state;
  service.issue_answers[0] = NULL; /* the good answer has none */
  assert_int_equal(issue(NULL), KG_OK);
}

#define TEST(name)                                                                                                     \
  { "/issue/" #name, name, set_up, tear_down, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(whole_answer),
      TEST(required_members),
      TEST(texts_that_nobody_can_store),
      TEST(certificate_member),
      TEST(everything_missing_is_named),
      TEST(duplicates_and_other_texts),
      TEST(damaged_bodies_are_survived),
      TEST(identity_of_the_first_leg),
      TEST(token_endpoint_rules),
      TEST(token_endpoint_keeps_to_the_allowed_hosts),
      TEST(certificate_of_another_key_or_name),
      TEST(surprising_identity_type_is_only_told),
      TEST(short_life_is_told),
      TEST(body_holds_the_token_only_where_there_is_one),
      TEST(body_is_a_credential_and_appears_nowhere),
      TEST(cache_is_bypassed_on_demand_only),
      TEST(bypass_that_is_not_understood_is_left_out_once),
      TEST(server_header_is_not_asked_for),
  };
  curl_global_init(CURL_GLOBAL_DEFAULT);
  return cmocka_run_group_tests_name("issue", tests, NULL, NULL);
}
