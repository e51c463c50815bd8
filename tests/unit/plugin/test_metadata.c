/* The first leg's answer, member by member. */
#include "plugin/metadata.h"
#include "support_service.h"

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

#define UNIT "\"cuId\":{\"vmId\":\"" SUPPORT_VM "\"}"
#define CLIENT "\"clientId\":\"" SUPPORT_CLIENT "\""
#define TENANT "\"tenantId\":\"" SUPPORT_TENANT "\""
#define ENDPOINT "\"attestationEndpoint\":\"https://eastus.attest.azure.net/\""

static struct support_host host;
static struct support_service service;
static struct kg_metadata metadata;
static struct kg_error error;

static int set_up(void **state) {
  (void)state;
  memset(&error, 0, sizeof error);
  support_host_init(&host, "http://127.0.0.1:1");
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  kg_metadata_clear(&metadata);
  support_host_clear(&host);
  return 0;
}

static enum kg_status parse(const char *body) {
  kg_metadata_clear(&metadata);
  return kg_metadata_parse(&host.request, kg_span_text(body), &metadata, &error);
}

static void whole_answer(void **state) {
  (void)state;
  host.request.attestation = 1;
  assert_int_equal(parse("{" UNIT "," CLIENT "," TENANT "," ENDPOINT ",\"new\":{\"x\":[1]}}"), KG_OK);
  assert_string_equal(metadata.client_id, SUPPORT_CLIENT);
  assert_string_equal(metadata.tenant_id, SUPPORT_TENANT);
  assert_string_equal(metadata.vm_id, SUPPORT_VM);
  assert_null(metadata.vmss_id);
  assert_string_equal(metadata.attestation_endpoint, "https://eastus.attest.azure.net");
}

struct row {
  const char *body, *reason; /* reason NULL: good */
};

static void check_rows(const struct row *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    enum kg_status status = parse(rows[i].body);
    if (status != (rows[i].reason != NULL ? KG_E_IMDS_FAILED : KG_OK)) fail_msg("row %zu: %s", i, error.text);
    if (rows[i].reason == NULL) continue;
    if (strstr(error.text, rows[i].reason) == NULL)
      fail_msg("row %zu: \"%s\" has no \"%s\"", i, error.text, rows[i].reason);
    assert_null(metadata.client_id);
  }
}

static void required_members(void **state) {
  static const struct row rows[] = {
      {"{}", "'clientId' is missing"},
      {"{" UNIT "," TENANT "}", "'clientId' is missing"},
      {"{" UNIT "," CLIENT "}", "'tenantId' is missing"},
      {"{" CLIENT "," TENANT "}", "'cuId' is missing"},
      {"{" UNIT ",\"clientId\":null," TENANT "}", "'clientId' is missing"},
      {"{" UNIT ",\"clientId\":\"\"," TENANT "}", "'clientId' is empty"},
      {"{" UNIT ",\"clientId\":5," TENANT "}", "'clientId' is not a string"},
      {"{" UNIT ",\"clientId\":[\"x\"]," TENANT "}", "'clientId' is not a string"},
      {"{" UNIT "," CLIENT ",\"tenantId\":null}", "'tenantId' is missing"},
      {"{" UNIT "," CLIENT ",\"tenantId\":\"\"}", "'tenantId' is empty"},
      {"{" UNIT "," CLIENT ",\"tenantId\":{}}", "'tenantId' is not a string"},
      {"{" UNIT "," CLIENT "," TENANT "," CLIENT "}", "'clientId' is there twice"},
      {"{" UNIT "," UNIT "," CLIENT "," TENANT "}", "'cuId' is there twice"},
      {"{" UNIT ",\"clientid\":\"x\"," TENANT "}", "'clientId' is missing"},
      {"{" UNIT ",\"client_id\":\"x\"," TENANT "}", "'clientId' is missing"},
  };
  (void)state;
  check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void identifiers_fit_where_they_go(void **state) {
  static const char *const bad[] = {"a/b",
                                    "a b",
                                    "a,b",
                                    "a\\u0000b",
                                    "..%2f",
                                    "a?b",
                                    "a#b",
                                    "\\u00e9",
                                    "a\\nb",
                                    "a@b",
                                    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
  (void)state;
  char body[512];
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    snprintf(body, sizeof body, "{" UNIT ",\"clientId\":\"%s\"," TENANT "}", bad[i]);
    assert_int_equal(parse(body), KG_E_IMDS_FAILED);
    snprintf(body, sizeof body, "{" UNIT "," CLIENT ",\"tenantId\":\"%s\"}", bad[i]);
    assert_int_equal(parse(body), KG_E_IMDS_FAILED);
  }
}

static void compute_unit(void **state) {
  static const struct row rows[] = {
      {"{\"cuId\":{\"vmId\":\"a\",\"vmssId\":\"b\"}," CLIENT "," TENANT "}", NULL},
      {"{\"cuId\":{\"vmssId\":\"b\"}," CLIENT "," TENANT "}", NULL},
      {"{\"cuId\":{\"vmId\":\"a\",\"vmssId\":null}," CLIENT "," TENANT "}", NULL},
      {"{\"cuId\":{\"vmId\":\"a\",\"vmssId\":\"\"}," CLIENT "," TENANT "}", NULL},
      {"{\"cuId\":{}," CLIENT "," TENANT "}", "neither vmId nor vmssId"},
      {"{\"cuId\":{\"vmId\":\"\"}," CLIENT "," TENANT "}", "neither vmId nor vmssId"},
      {"{\"cuId\":{\"vmId\":null,\"vmssId\":null}," CLIENT "," TENANT "}", "neither vmId nor vmssId"},
      {"{\"cuId\":\"a\"," CLIENT "," TENANT "}", "'cuId' is not an object"},
      {"{\"cuId\":null," CLIENT "," TENANT "}", "'cuId' is not an object"},
      {"{\"cuId\":[\"a\"]," CLIENT "," TENANT "}", "'cuId' is not an object"},
      {"{\"cuId\":{\"vmId\":7}," CLIENT "," TENANT "}", "'vmId' is not a string"},
      {"{\"cuId\":{\"vmId\":\"a\",\"vmssId\":false}," CLIENT "," TENANT "}", "'vmssId' is not a string"},
      {"{\"cuId\":{\"vmId\":\"a\",\"vmId\":\"b\"}," CLIENT "," TENANT "}", "'vmId' is there twice"},
      {"{\"cuId\":{\"vmId\":\"a\\u0001\"}," CLIENT "," TENANT "}", "'vmId' is not an identifier"},
  };
  (void)state;
  check_rows(rows, sizeof rows / sizeof rows[0]);
  assert_int_equal(parse(rows[2].body), KG_OK);
  assert_null(metadata.vmss_id);
  assert_int_equal(parse(rows[3].body), KG_OK);
  assert_null(metadata.vmss_id);
  assert_int_equal(parse(rows[0].body), KG_OK);
  assert_string_equal(metadata.vmss_id, "b");
}

static void what_is_not_one_object(void **state) {
  static const struct row rows[] = {
      {"", "empty"},      {"[]", "not an object"}, {"null", "not an object"}, {"{", "JSON"},
      {"<html>", "JSON"}, {"{} {}", "after"},      {"\"x\"", "not an object"}};
  (void)state;
  check_rows(rows, sizeof rows / sizeof rows[0]);
}

static void damaged_bodies_are_survived(void **state) {
  static const char good[] = "{" UNIT "," CLIENT "," TENANT "," ENDPOINT "}";
  static const char damage[] = "\"{}[]:,\\\0\xff 0";
  (void)state;
  host.request.attestation = 1;
  char body[sizeof good];
  for (size_t len = 0; len + 1 < sizeof good; len++) {
    assert_int_equal(kg_metadata_parse(&host.request, kg_span_of(good, len), &metadata, &error), KG_E_IMDS_FAILED);
    for (size_t i = 0; i < sizeof damage; i++) {
      memcpy(body, good, sizeof good);
      body[len] = damage[i];
      if (kg_metadata_parse(&host.request, kg_span_of(body, sizeof good - 1), &metadata, &error) != KG_OK)
        assert_null(metadata.client_id);
      kg_metadata_clear(&metadata);
    }
  }
}

static void deep_nesting_is_refused(void **state) {
  static char body[200000] = "{" CLIENT "," TENANT ",\"cuId\":";
  size_t len = strlen(body);
  (void)state;
  memset(body + len, '[', 90000);
  memset(body + len + 90000, ']', 90000);
  strcat(body, "}");
  assert_int_equal(parse(body), KG_E_IMDS_FAILED);
}

static void attestation_endpoint_is_needed_only_to_attest(void **state) {
  static const char none[] = "{" UNIT "," CLIENT "," TENANT "}";
  static const char empty[] = "{" UNIT "," CLIENT "," TENANT ",\"attestationEndpoint\":\"\"}";
  static const char null[] = "{" UNIT "," CLIENT "," TENANT ",\"attestationEndpoint\":null}";
  static const char hostile[] = "{" UNIT "," CLIENT "," TENANT ",\"attestationEndpoint\":\"http://x\"}";
  static const char number[] = "{" UNIT "," CLIENT "," TENANT ",\"attestationEndpoint\":1}";
  static const char *const bodies[] = {none, empty, null, hostile, number};
  (void)state;
  for (size_t i = 0; i < 5; i++) {
    assert_int_equal(parse(bodies[i]), bodies[i] == number ? KG_E_IMDS_FAILED : KG_OK);
    assert_null(metadata.attestation_endpoint);
  }
  host.request.attestation = 1;
  for (size_t i = 0; i < 5; i++)
    assert_int_equal(parse(bodies[i]), KG_E_IMDS_FAILED);
}

static void attestation_endpoint_keeps_to_the_allowed_hosts(void **state) {
  static const char *const allowed[] = {"attest.azure.net", NULL}, *const other[] = {"example", NULL};
  (void)state;
  host.request.attestation = 1;
  host.request.allowed_hosts = allowed;
  assert_int_equal(parse("{" UNIT "," CLIENT "," TENANT "," ENDPOINT "}"), KG_OK);
  host.request.allowed_hosts = other;
  assert_int_equal(parse("{" UNIT "," CLIENT "," TENANT "," ENDPOINT "}"), KG_E_IMDS_FAILED);
  assert_non_null(strstr(error.text, "allowed hosts"));
}

static void another_client_than_asked_for(void **state) {
  static const char body[] = "{" UNIT ",\"clientId\":\"ABCD\"," TENANT "}";
  (void)state;
  host.request.selector = KG_PLUGIN_CLIENT_ID;
  host.request.selector_value = "abcd";
  assert_int_equal(parse(body), KG_OK);
  host.request.selector_value = "abcde";
  assert_int_equal(parse(body), KG_E_IDENTITY);
  assert_non_null(strstr(error.text, "abcde"));
  host.request.selector = KG_PLUGIN_OBJECT_ID; /* an answer does not tell object ids */
  assert_int_equal(parse(body), KG_OK);
}

static int serve(void **state) {
  (void)state;
  memset(&error, 0, sizeof error);
  support_service_start(&service, &host);
  return 0;
}

static int stop(void **state) {
  (void)state;
  kg_metadata_clear(&metadata);
  support_service_stop(&service, &host);
  return 0;
}

static void server_header(void **state) {
  static const struct {
    const char *value;
    bool good;
  } rows[] = {{"IMDS/150.870.65.1854", true},   {"IMDS", true},     {"imds/1", true},        {"ImDs", true},
              {"I_MDS/150.870.65.1854", false}, {"", false},        {"IMDSX", false},        {"IMDS 1", false},
              {"Microsoft-IIS/10.0", false},    {"xIMDS/1", false}, {"nginx IMDS/1", false}, {"IMDS-proxy/1", false}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    service.metadata_server_header = rows[i].value;
    kg_metadata_clear(&metadata);
    enum kg_status status = kg_metadata_get(&host.acquisition, &metadata, &error);
    assert_int_equal(status, rows[i].good ? KG_OK : KG_E_IMDS_FAILED);
    if (!rows[i].good) assert_non_null(strstr(error.text, "Server header"));
  }
  assert_int_equal(host.sleeps, 0);
}

static void request_is_as_the_reference_client_sends_it(void **state) {
  static const char *const names[] = {"Metadata", "x-ms-client-request-id", "Accept"};
  (void)state;
  assert_int_equal(kg_metadata_get(&host.acquisition, &metadata, &error), KG_OK);
  const struct support_request *seen = support_server_request(service.server, 0);
  assert_string_equal(seen->method, "GET");
  assert_string_equal(seen->target, "/metadata/identity/getplatformmetadata?cred-api-version=2.0");
  assert_int_equal(seen->body_len, 0);
  const char *values[] = {"true", host.acquisition.correlation_id, "application/json"};
  for (size_t i = 0; i < 3; i++) {
    char *value = support_request_header(seen, names[i]);
    assert_non_null(value);
    assert_string_equal(value, values[i]);
    free(value);
  }
}

static void identifiers_are_whole_only_when_debugging(void **state) {
  (void)state;
  assert_int_equal(kg_metadata_get(&host.acquisition, &metadata, &error), KG_OK);
  for (char *line = strtok(host.log, "\n"); line != NULL; line = strtok(NULL, "\n"))
    if (line[0] != '4') {
      assert_null(strstr(line, SUPPORT_CLIENT));
      assert_null(strstr(line, SUPPORT_TENANT));
    }
}

static void selectors_are_named_and_encoded(void **state) {
  static const struct {
    enum kg_plugin_selector selector;
    const char *value, *query;
  } rows[] = {
      {KG_PLUGIN_OBJECT_ID, "a-b", "&object_id=a-b"},
      {KG_PLUGIN_OBJECT_ID, "a b&bypass_cache=true#x", "&object_id=a%20b%26bypass_cache%3Dtrue%23x"},
      {KG_PLUGIN_RESOURCE_ID, "/subscriptions/x/resourceGroups/r g",
       "&mi_res_id=%2Fsubscriptions%2Fx%2FresourceGroups%2Fr%20g"},
      {KG_PLUGIN_CLIENT_ID, SUPPORT_CLIENT, "&client_id=" SUPPORT_CLIENT},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    host.request.selector = rows[i].selector;
    host.request.selector_value = rows[i].value;
    assert_int_equal(kg_metadata_get(&host.acquisition, &metadata, &error), KG_OK);
    kg_metadata_clear(&metadata);
    char expected[512];
    snprintf(expected, sizeof expected, "/metadata/identity/getplatformmetadata?cred-api-version=2.0%s", rows[i].query);
    assert_string_equal(support_server_request(service.server, i)->target, expected);
  }
}

static void body_is_capped(void **state) {
  static char script[1100000];
  (void)state;
  memset(script, ' ', sizeof script - 1);
  memcpy(script, "200 {", 5);
  service.metadata_answers[0] = script;
  assert_int_equal(kg_metadata_get(&host.acquisition, &metadata, &error), KG_E_TRANSPORT);
  assert_int_equal(support_server_requests(service.server), 1);
}

#define PURE(name)                                                                                                     \
  { "/metadata/" #name, name, set_up, tear_down, NULL }
#define SERVED(name)                                                                                                   \
  { "/metadata/" #name, name, serve, stop, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      PURE(whole_answer),
      PURE(required_members),
      PURE(identifiers_fit_where_they_go),
      PURE(compute_unit),
      PURE(what_is_not_one_object),
      PURE(damaged_bodies_are_survived),
      PURE(deep_nesting_is_refused),
      PURE(attestation_endpoint_is_needed_only_to_attest),
      PURE(attestation_endpoint_keeps_to_the_allowed_hosts),
      PURE(another_client_than_asked_for),
      SERVED(server_header),
      SERVED(request_is_as_the_reference_client_sends_it),
      SERVED(identifiers_are_whole_only_when_debugging),
      SERVED(selectors_are_named_and_encoded),
      SERVED(body_is_capped),
  };
  curl_global_init(CURL_GLOBAL_DEFAULT);
  return cmocka_run_group_tests_name("metadata", tests, NULL, NULL);
}
