#include "wire/answer.h"
#include "wire/http.h"

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

static struct kg_error describe(int http, const char *body) {
  struct kg_http_response response = {.status = http};
  assert_int_equal(kg_buf_set(&response.body, kg_span_text(body)), KG_OK);
  struct kg_error error = {0};
  assert_int_equal(kg_answer_error(KG_E_IMDS_FAILED, "leg", &response, &error), KG_E_IMDS_FAILED);
  assert_int_equal(error.http_status, http);
  kg_http_response_clear(&response);
  return error;
}

static void oauth_form(void **state) {
  struct kg_error error = describe(400, "{\"error\":\"invalid_request\",\"error_description\":\"CSR is invalid\"}");
  (void)state;
  assert_string_equal(error.text, "leg: HTTP 400, invalid_request: CSR is invalid");
  assert_string_equal(error.oauth_error, "invalid_request");
  assert_string_equal(error.aadsts, "");
}

static void message_form(void **state) {
  struct kg_error error = describe(500, "{\"message\":\"try later\",\"correlationId\":\"abc-1\"}");
  (void)state;
  assert_string_equal(error.text, "leg: HTTP 500: try later (service's correlation id abc-1)");
}

static void entra_codes(void **state) {
  struct kg_error error = describe(
      401, "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS1000612: claim\",\"error_codes\":[7]}");
  (void)state;
  assert_string_equal(error.aadsts, "AADSTS1000612");
  error = describe(401, "{\"error\":\"invalid_client\",\"error_codes\":[1000613]}");
  assert_string_equal(error.aadsts, "AADSTS1000613");
  error = describe(401, "{\"error\":\"invalid_client\",\"error_codes\":[\"x\"],\"error_description\":\"AADSTS: no\"}");
  assert_string_equal(error.aadsts, "");
  error = describe(401, "{\"error_description\":\"AADSTS123456789012345678901234567890\"}");
  assert_string_equal(error.aadsts, "");
}

static void body_that_is_not_json_is_not_quoted(void **state) {
  static const char *const bodies[] = {"<html>canary</html>", "canary", "[\"canary\"]", "{\"error\":\"canary\"", ""};
  (void)state;
  for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++)
    assert_string_equal(describe(502, bodies[i]).text, "leg: HTTP 502");
}

static void members_of_other_types_are_ignored(void **state) {
  (void)state;
  assert_string_equal(describe(400, "{\"error\":{\"code\":1},\"error_description\":5,\"message\":null}").text,
                      "leg: HTTP 400");
  assert_string_equal(describe(400, "{\"error\":\"not a word\"}").oauth_error, "");
}

static void description_is_trimmed_and_clean(void **state) {
  char body[4096] = "{\"error\":\"x\",\"error_description\":\"", tail[] = "\"}";
  (void)state;
  for (size_t i = 0; i < 300; i++)
    strcat(body, i % 10 ? "w" : " ");
  strcat(body, tail);
  struct kg_error error = describe(400, body);
  assert_in_range(strlen(error.text), 200, 256 + 32);
  assert_non_null(strstr(error.text, "..."));
  error = describe(400, "{\"error_description\":\"a\\u001b[2Jb\\r\\nc " JWT "\"}");
  assert_string_equal(error.text, "leg: HTTP 400: a [2Jb  c [redacted]");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      {"/answer/oauth_form", oauth_form, NULL, NULL, NULL},
      {"/answer/message_form", message_form, NULL, NULL, NULL},
      {"/answer/entra_codes", entra_codes, NULL, NULL, NULL},
      {"/answer/body_that_is_not_json_is_not_quoted", body_that_is_not_json_is_not_quoted, NULL, NULL, NULL},
      {"/answer/members_of_other_types_are_ignored", members_of_other_types_are_ignored, NULL, NULL, NULL},
      {"/answer/description_is_trimmed_and_clean", description_is_trimmed_and_clean, NULL, NULL, NULL},
  };
  return cmocka_run_group_tests_name("answer", tests, NULL, NULL);
}
