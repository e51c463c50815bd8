/* Retries, deadline and the meaning of failures, on a clock that only sleeping moves. */
#include "plugin/leg.h"
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

static struct support_host host;
static struct support_service service;
static struct kg_http_response response;
static struct kg_error error;

static int set_up(void **state) {
  (void)state;
  memset(&error, 0, sizeof error);
  memset(&response, 0, sizeof response);
  support_service_start(&service, &host);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  kg_http_response_clear(&response);
  support_service_stop(&service, &host);
  return 0;
}

static enum kg_status perform(enum kg_leg leg) {
  struct kg_leg_request request = {.leg = leg, .body = leg == KG_LEG_ISSUE ? kg_span_text("{}") : kg_span_text(NULL)};
  return kg_leg_perform(&host.acquisition, &request, &response, &error);
}

static void check_sleeps(const int64_t *expected, size_t count) {
  assert_int_equal(host.sleeps, count);
  for (size_t i = 0; i < count; i++)
    assert_int_equal(host.slept_ms[i], expected[i]);
}

static void fill(const char **answers, const char *answer, size_t count) {
  for (size_t i = 0; i < count; i++)
    answers[i] = answer;
}

static void missing_twice_then_there(void **state) {
  (void)state;
  fill(service.metadata_answers, "404 {}", 2);
  assert_int_equal(perform(KG_LEG_METADATA), KG_OK);
  const int64_t waits[] = {1000, 2000};
  check_sleeps(waits, 2);
  assert_true(support_host_logged(&host, "retry 1 of 3 in 1000 ms"));
  assert_true(support_host_logged(&host, "retry 2 of 3 in 2000 ms, waited 1000 ms"));
}

static void missing_for_good_is_an_older_service(void **state) {
  (void)state;
  fill(service.metadata_answers, "404 {}", 4);
  assert_int_equal(perform(KG_LEG_METADATA), KG_E_IMDS_V1_ONLY);
  assert_int_equal(error.http_status, 404);
  assert_string_equal(kg_status_sub_code(error.status), "mtls_pop_token_not_supported_in_imds_v1");
  assert_int_equal(support_server_requests(service.server), 4);
  const int64_t waits[] = {1000, 2000, 4000};
  check_sleeps(waits, 3);
}

static void missing_on_the_second_leg_is_a_plain_failure(void **state) {
  (void)state;
  fill(service.issue_answers, "404 {}", 4);
  assert_int_equal(perform(KG_LEG_ISSUE), KG_E_IMDS_FAILED);
  assert_int_equal(error.http_status, 404);
  assert_int_equal(support_server_requests(service.server), 4);
}

static void updating_service_is_waited_for(void **state) {
  (void)state;
  fill(service.metadata_answers, "410 {}", 4);
  assert_int_equal(perform(KG_LEG_METADATA), KG_OK);
  const int64_t waits[] = {10000, 10000, 10000, 10000};
  check_sleeps(waits, 4);
}

static void update_that_does_not_end(void **state) {
  (void)state;
  fill(service.metadata_answers, "410 {}", 8);
  assert_int_equal(perform(KG_LEG_METADATA), KG_E_IMDS_FAILED);
  assert_int_equal(error.http_status, 410);
  assert_int_equal(host.sleeps, 7);
  assert_int_equal(support_server_requests(service.server), 8);
}

static void server_errors_for_good(void **state) {
  (void)state;
  fill(service.issue_answers, "504 {}", 4);
  assert_int_equal(perform(KG_LEG_ISSUE), KG_E_IMDS_FAILED);
  assert_int_equal(support_server_requests(service.server), 4);
  assert_non_null(strstr(error.text, "3 retries"));
}

static void refusals_are_not_repeated(void **state) {
  static const char *const scripts[] = {"400 {}", "401 {}", "403 {}", "301 {}", "307 {}", "204", "201 {}", "418 {}"};
  (void)state;
  for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
    service.metadata_answers[i] = scripts[i];
    assert_int_equal(perform(KG_LEG_METADATA), KG_E_IMDS_FAILED);
    assert_int_equal(error.http_status, atoi(scripts[i]));
    assert_int_equal(support_server_requests(service.server), i + 1);
  }
  assert_int_equal(host.sleeps, 0);
}

static void throttled_with_a_longer_wait(void **state) {
  (void)state;
  service.issue_answers[0] = "429@7 {}";
  service.issue_answers[1] = "429@1 {}";
  assert_int_equal(perform(KG_LEG_ISSUE), KG_OK);
  const int64_t waits[] = {7000, 2000};
  check_sleeps(waits, 2);
}

static void seed_adds_jitter(void **state) {
  (void)state;
  host.request.retry_seed = 42;
  fill(service.metadata_answers, "503 {}", 3);
  assert_int_equal(perform(KG_LEG_METADATA), KG_OK);
  assert_int_equal(host.sleeps, 3);
  assert_in_range(host.slept_ms[0], 1000, 1100);
  assert_in_range(host.slept_ms[2], 4000, 4400);
  assert_true(host.slept_ms[0] + host.slept_ms[1] + host.slept_ms[2] > 7000);
}

static void deadline_ends_retries(void **state) {
  (void)state;
  fill(service.metadata_answers, "404 {}", 4);
  host.request.deadline_ms = host.elapsed_ms + 2500; /* 1 s fits, 1 s + 2 s does not */
  assert_int_equal(perform(KG_LEG_METADATA), KG_E_TIMEOUT);
  assert_string_equal(kg_status_sub_code(error.status), "request_timeout");
  assert_int_equal(error.http_status, 404);
  assert_int_equal(host.sleeps, 1);
  assert_non_null(strstr(error.text, "no time left to retry"));
  assert_non_null(strstr(error.text, "(1 retries"));
}

static void long_retry_after_is_bounded_by_the_deadline(void **state) {
  (void)state;
  service.issue_answers[0] = "429@3600 {}";
  assert_int_equal(perform(KG_LEG_ISSUE), KG_E_TIMEOUT);
  assert_int_equal(error.http_status, 429);
  assert_int_equal(host.sleeps, 0);
}

static void passed_deadline_sends_nothing(void **state) {
  (void)state;
  host.request.deadline_ms = host.elapsed_ms;
  assert_int_equal(perform(KG_LEG_METADATA), KG_E_TIMEOUT);
  assert_int_equal(support_server_connections(service.server), 0);
}

static void unassigned_identity(void **state) {
  static const char *const scripts[] = {
      "400 {\"error\":\"invalid_request\",\"error_description\":\"Identity not found\"}",
      "400 {\"error\":\"invalid_request\",\"error_description\":\"The identity is Not Assigned to this machine\"}",
      "400 {\"message\":\"identity has not been assigned\"}"};
  (void)state;
  for (size_t i = 0; i < 3; i++) {
    service.metadata_answers[i] = scripts[i];
    assert_int_equal(perform(KG_LEG_METADATA), KG_E_IDENTITY);
    assert_int_equal(error.status, KG_E_IDENTITY);
    assert_int_equal(error.http_status, 400);
  }
  service.metadata_answers[3] = "403 {\"message\":\"identity not found\"}";
  assert_int_equal(perform(KG_LEG_METADATA), KG_E_IMDS_FAILED);
}

static void error_text_has_status_word_description_and_id(void **state) {
  (void)state;
  service.issue_answers[0] = "400 {\"error\":\"invalid_request\",\"error_description\":\"CSR is invalid\"}";
  assert_int_equal(perform(KG_LEG_ISSUE), KG_E_IMDS_FAILED);
  assert_string_equal(error.text, "issuecredential: HTTP 400, invalid_request: CSR is invalid (0 retries, correlation "
                                  "id 0f0f0f0f-0000-4000-8000-00000000000f)");
  assert_string_equal(error.oauth_error, "invalid_request");
}

static void post_is_as_the_reference_client_sends_it(void **state) {
  (void)state;
  assert_int_equal(perform(KG_LEG_ISSUE), KG_OK);
  const struct support_request *seen = support_server_request(service.server, 0);
  assert_string_equal(seen->method, "POST");
  assert_string_equal(seen->target, "/metadata/identity/issuecredential?cred-api-version=2.0");
  char *type = support_request_header(seen, "Content-Type");
  assert_string_equal(type, "application/json; charset=utf-8");
  free(type);
}

static void unreachable_service_is_not_retried(void **state) {
  (void)state;
  char origin[64];
  snprintf(origin, sizeof origin, "%s", support_server_origin(service.server));
  support_server_stop(&service.server);
  host.acquisition.metadata_origin = origin;
  assert_int_equal(perform(KG_LEG_METADATA), KG_E_TRANSPORT);
  assert_int_equal(host.sleeps, 0);
  assert_non_null(strstr(error.text, "getplatformmetadata"));
}

static void say_nothing(void *context, size_t index, const struct support_request *seen, struct support_reply *reply) {
  (void)context, (void)index, (void)seen;
  reply->end = SUPPORT_STALL;
}

/* The attempt's own time is real: it ends with the deadline, of which the sleeps leave little. */
static void silence_is_retried_until_the_deadline(void **state) {
  struct support_server *silent = support_server_start(say_nothing, NULL, NULL);
  (void)state;
  host.acquisition.metadata_origin = (char *)support_server_origin(silent);
  host.request.deadline_ms = host.elapsed_ms + 1100; /* 1100 ms, then 1 s of sleep, then 100 ms */
  assert_int_equal(perform(KG_LEG_METADATA), KG_E_TIMEOUT);
  assert_int_equal(host.sleeps, 1);
  assert_int_equal(support_server_requests(silent), 2);
  assert_true(support_host_logged(&host, "request_timeout"));
  support_server_stop(&silent);
}

#define TEST(name)                                                                                                     \
  { "/leg/" #name, name, set_up, tear_down, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(missing_twice_then_there),
      TEST(missing_for_good_is_an_older_service),
      TEST(missing_on_the_second_leg_is_a_plain_failure),
      TEST(updating_service_is_waited_for),
      TEST(update_that_does_not_end),
      TEST(server_errors_for_good),
      TEST(refusals_are_not_repeated),
      TEST(throttled_with_a_longer_wait),
      TEST(seed_adds_jitter),
      TEST(deadline_ends_retries),
      TEST(long_retry_after_is_bounded_by_the_deadline),
      TEST(passed_deadline_sends_nothing),
      TEST(unassigned_identity),
      TEST(error_text_has_status_word_description_and_id),
      TEST(post_is_as_the_reference_client_sends_it),
      TEST(unreachable_service_is_not_retried),
      TEST(silence_is_retried_until_the_deadline),
  };
  curl_global_init(CURL_GLOBAL_DEFAULT);
  return cmocka_run_group_tests_name("leg", tests, NULL, NULL);
}
