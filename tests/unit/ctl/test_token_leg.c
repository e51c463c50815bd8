#include "ctl/token_request.h"
#include "ctl/token_response.h"

#include "core/base/encoding.h"

#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void scope_ends_with_default_once(void **state) {
  static const struct {
    const char *resource, *scope;
  } table[] = {{"https://vault.azure.net", "https://vault.azure.net/.default"},
               {"https://vault.azure.net/", "https://vault.azure.net/.default"},
               {"https://vault.azure.net/.default", "https://vault.azure.net/.default"},
               {"https://vault.azure.net//.default", "https://vault.azure.net/.default"},
               {"https://graph.microsoft.com/v1/", "https://graph.microsoft.com/v1/.default"},
               {"api://11111111-2222-3333-4444-555555555555", "api://11111111-2222-3333-4444-555555555555/.default"},
               {"11111111-2222-3333-4444-555555555555", "11111111-2222-3333-4444-555555555555/.default"},
               {"https://x/.defaults", "https://x/.defaults/.default"}};
  (void)state;
  for (size_t i = 0; i < COUNT(table); i++) {
    struct kg_error error = {0};
    char *scope = NULL;
    assert_int_equal(kg_token_scope(table[i].resource, &scope, &error), KG_OK);
    assert_string_equal(scope, table[i].scope);
    free(scope);
  }
}

static void scope_that_is_none_is_refused(void **state) {
  static const char *const table[] = {
      "", "/", "/.default", "https://a https://b", "https://a\n", "a\"b", "a\\b", "https://v\xc3\xa4", "\t"};
  (void)state;
  for (size_t i = 0; i < COUNT(table); i++) {
    struct kg_error error = {0};
    char *scope = NULL;
    assert_int_equal(kg_token_scope(table[i], &scope, &error), KG_E_USAGE);
    assert_null(scope);
  }
}

static void form_has_the_protocols_fields_and_nothing_else(void **state) {
  struct kg_token_request request = {.scope = "https://vault.azure.net/.default"};
  (void)state;
  struct kg_error error = {0};
  struct kg_buf form = {0};
  assert_int_equal(kg_token_request_form(&request, "11111111-2222-3333-4444-555555555555", &form, &error), KG_OK);
  assert_string_equal((char *)form.data, "client_id=11111111-2222-3333-4444-555555555555&grant_type=client_credentials"
                                         "&scope=https%3A%2F%2Fvault.azure.net%2F.default&token_type=mtls_pop");
  kg_buf_clear(&form);
  request.type = KG_TOKEN_BEARER;
  request.claims = "{\"access_token\":{\"nbf\":{\"essential\":true}}}";
  assert_int_equal(kg_token_request_form(&request, "c&d", &form, &error), KG_OK);
  assert_string_equal((char *)form.data, "client_id=c%26d&grant_type=client_credentials"
                                         "&scope=https%3A%2F%2Fvault.azure.net%2F.default&token_type=bearer"
                                         "&claims=%7B%22access_token%22%3A%7B%22nbf%22%3A%7B%22essential%22%3Atrue%7D"
                                         "%7D%7D");
  kg_buf_clear(&form);
}

static void claims_must_be_an_object(void **state) {
  static const char *const bad[] = {"", "claims", "[]", "{\"a\":1", "{\"a\":1,\"a\":2}", "{} x"};
  struct kg_token_request request = {.claims = "{\"a\":1}"};
  (void)state;
  struct kg_error error = {0};
  assert_int_equal(kg_token_request_check(&request, &error), KG_OK);
  for (size_t i = 0; i < COUNT(bad); i++) {
    request.claims = bad[i];
    assert_int_equal(kg_token_request_check(&request, &error), KG_E_USAGE);
    assert_non_null(strstr(error.text, "claims"));
  }
}

static void headers_carry_the_request_id_and_our_own_names(void **state) {
  (void)state;
  struct kg_token_headers headers;
  kg_token_headers_init(&headers, "0f0f0f0f-1111-4222-8333-444444444444");
  bool id = false, sku = false;
  for (size_t i = 0; headers.list[i] != NULL; i++) {
    id = id || strcmp(headers.list[i], "client-request-id: 0f0f0f0f-1111-4222-8333-444444444444") == 0;
    sku = sku || strcmp(headers.list[i], "x-client-SKU: keyguard-pkcs11") == 0;
    assert_null(strstr(headers.list[i], "MSAL"));
  }
  assert_true(id);
  assert_true(sku);
}

static void token_types_are_two(void **state) {
  (void)state;
  struct kg_error error = {0};
  enum kg_token_type type = KG_TOKEN_BEARER;
  assert_int_equal(kg_token_type_parse("mtls_pop", &type, &error), KG_OK);
  assert_int_equal(type, KG_TOKEN_MTLS_POP);
  assert_int_equal(kg_token_type_parse("bearer", &type, &error), KG_OK);
  assert_int_equal(kg_token_type_parse("pop", &type, &error), KG_E_USAGE);
  assert_int_equal(kg_token_type_parse("MTLS_POP", &type, &error), KG_E_USAGE);
}

/* A JWT whose payload is `claims`. */
static char *jwt(const char *claims) {
  char *payload = kg_base64url_format(kg_span_text(claims)), *token = malloc(4096);
  snprintf(token, 4096, "eyJhbGciOiJSUzI1NiJ9.%s.c2lnbmF0dXJl", payload);
  free(payload);
  return token;
}

static struct kg_binding binding; /* only its thumbprint matters */

static char *bound_token(void) {
  char claims[256], *thumbprint = kg_base64url_format(kg_span_of(binding.sha256, 32));
  snprintf(claims, sizeof claims, "{\"aud\":\"x\",\"cnf\":{\"x5t#S256\":\"%s\"}}", thumbprint);
  free(thumbprint);
  return jwt(claims);
}

static enum kg_status answer(int status, const char *body, enum kg_token_type type, struct kg_token *token,
                             struct kg_error *error) {
  struct kg_http_response response = {.status = status, .retry_after_s = -1};
  *error = (struct kg_error){0};
  assert_int_equal(kg_buf_set(&response.body, kg_span_text(body)), KG_OK);
  enum kg_status result = kg_token_response_read(&response, type, &binding, token, error);
  kg_http_response_clear(&response);
  if (result != KG_OK) {
    assert_null(token->access_token.data); /* nothing of it is left */
    assert_int_equal(error->status, result);
    assert_int_equal(error->http_status, status);
    assert_null(strstr(error->text, "eyJ"));
  }
  return result;
}

/* `rest`: the members besides the token. */
static enum kg_status bound_answer(const char *rest, struct kg_token *token, struct kg_error *error) {
  char body[4096], *text = bound_token();
  snprintf(body, sizeof body, "{\"access_token\":\"%s\"%s}", text, rest);
  enum kg_status status = answer(200, body, KG_TOKEN_MTLS_POP, token, error);
  if (status == KG_OK) assert_string_equal((char *)token->access_token.data, text);
  free(text);
  return status;
}

static void good_answers_are_taken(void **state) {
  static const struct {
    const char *rest;
    int64_t expires_in, refresh_in;
  } table[] = {{",\"token_type\":\"mtls_pop\",\"expires_in\":86399", 86399, 0},
               {",\"token_type\":\"MTLS_PoP\",\"expires_in\":\"3599\",\"refresh_in\":\"1800\"", 3599, 1800},
               {",\"token_type\":\"mtls_pop\",\"expires_in\":1,\"refresh_in\":null,\"resource\":\"x\"", 1, 0}};
  (void)state;
  for (size_t i = 0; i < COUNT(table); i++) {
    struct kg_token token;
    struct kg_error error;
    if (bound_answer(table[i].rest, &token, &error) != KG_OK) fail_msg("%s", error.text);
    assert_int_equal(token.expires_in, table[i].expires_in);
    assert_int_equal(token.refresh_in, table[i].refresh_in);
    kg_token_clear(&token);
  }
}

static void bad_answers_are_refused_by_name(void **state) {
  static const struct {
    const char *rest;
    enum kg_status status;
    const char *part;
  } table[] = {{",\"expires_in\":1", KG_E_TOKEN_TYPE_MISSING, "token_type"},
               {",\"token_type\":\"\",\"expires_in\":1", KG_E_TOKEN_TYPE_MISSING, "token_type"},
               {",\"token_type\":7,\"expires_in\":1", KG_E_TOKEN_TYPE_MISSING, "token_type"},
               {",\"token_type\":\"Bearer\",\"expires_in\":1", KG_E_TOKEN_TYPE_MISMATCH, "Bearer"},
               {",\"token_type\":\"mtls_popp\",\"expires_in\":1", KG_E_TOKEN_TYPE_MISMATCH, "mtls_popp"},
               {",\"token_type\":\"mtls_po\",\"expires_in\":1", KG_E_TOKEN_TYPE_MISMATCH, "mtls_po"},
               {",\"token_type\":\"mtls_pop\"", KG_E_TOKEN_INVALID, "expires_in"},
               {",\"token_type\":\"mtls_pop\",\"expires_in\":0", KG_E_TOKEN_INVALID, "expires_in"},
               {",\"token_type\":\"mtls_pop\",\"expires_in\":-5", KG_E_TOKEN_INVALID, "expires_in"},
               {",\"token_type\":\"mtls_pop\",\"expires_in\":\"soon\"", KG_E_TOKEN_INVALID, "expires_in"},
               {",\"token_type\":\"mtls_pop\",\"expires_in\":true", KG_E_TOKEN_INVALID, "expires_in"},
               {",\"token_type\":\"mtls_pop\",\"expires_in\":1,\"expires_in\":2", KG_E_TOKEN_INVALID, "twice"}};
  (void)state;
  for (size_t i = 0; i < COUNT(table); i++) {
    struct kg_token token;
    struct kg_error error;
    assert_int_equal(bound_answer(table[i].rest, &token, &error), table[i].status);
    if (strstr(error.text, table[i].part) == NULL) fail_msg("'%s' does not say '%s'", error.text, table[i].part);
  }
}

#define REST "\"token_type\":\"mtls_pop\",\"expires_in\":60}"

static void tokens_that_are_not_bound_to_us_are_refused(void **state) {
  static const char *const claims[] = {
      "{}",
      "{\"cnf\":null}",
      "{\"cnf\":\"x5t#S256\"}",
      "{\"cnf\":{}}",
      "{\"cnf\":{\"x5t#S256\":\"\"}}",
      "{\"cnf\":{\"x5t#S256\":42}}",
      "{\"cnf\":{\"kid\":\"x\"}}",
      "{\"cnf\":{\"x5t#S256\":\"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\"}}" /* another certificate's */};
  (void)state;
  for (size_t i = 0; i < COUNT(claims); i++) {
    char body[4096], *text = jwt(claims[i]);
    snprintf(body, sizeof body, "{\"access_token\":\"%s\"," REST, text);
    struct kg_error error;
    struct kg_token token;
    assert_int_equal(answer(200, body, KG_TOKEN_MTLS_POP, &token, &error), KG_E_TOKEN_INVALID);
    assert_non_null(strstr(error.text, "access token"));
    free(text);
  }
}

static void texts_that_are_no_jwt_are_refused(void **state) {
  static const char *const bodies[] = {"{\"access_token\":\"opaque\"," REST,
                                       "{\"access_token\":\"a.b\"," REST,
                                       "{\"access_token\":\"a.b.c.d\"," REST,
                                       "{\"access_token\":\"a.!!.c\"," REST,
                                       "{\"access_token\":\"a..c\"," REST,
                                       "{\"access_token\":\"a.bnVsbA.c\"," REST, /* null */
                                       "{\"access_token\":\"\"," REST,
                                       "{\"access_token\":null," REST,
                                       "{\"access_token\":\"a.b c.d\"," REST,
                                       "{" REST,
                                       "[]",
                                       "",
                                       "<html>"};
  (void)state;
  for (size_t i = 0; i < COUNT(bodies); i++) {
    struct kg_token token;
    struct kg_error error;
    assert_int_equal(answer(200, bodies[i], KG_TOKEN_MTLS_POP, &token, &error), KG_E_TOKEN_INVALID);
  }
}

/* Bearer over mutual TLS: no binding to check, but the type. */
static void bearer_is_taken_where_it_was_asked_for(void **state) {
  (void)state;
  struct kg_error error;
  struct kg_token token;
  assert_int_equal(answer(200, "{\"access_token\":\"opaque\",\"token_type\":\"Bearer\",\"expires_in\":60}",
                          KG_TOKEN_BEARER, &token, &error),
                   KG_OK);
  kg_token_clear(&token);
  assert_int_equal(answer(200, "{\"access_token\":\"opaque\"," REST, KG_TOKEN_BEARER, &token, &error),
                   KG_E_TOKEN_TYPE_MISMATCH);
}

static void refusals_keep_what_the_service_says(void **state) {
  (void)state;
  struct kg_error error;
  struct kg_token token;
  assert_int_equal(answer(401,
                          "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS1000612: claim\\r\\nTrace\","
                          "\"error_codes\":[1000612]}",
                          KG_TOKEN_MTLS_POP, &token, &error),
                   KG_E_TOKEN_REJECTED);
  assert_string_equal(error.oauth_error, "invalid_client");
  assert_string_equal(error.aadsts, "AADSTS1000612");
  assert_null(strchr(error.text, '\n'));
  assert_int_equal(answer(307, "", KG_TOKEN_MTLS_POP, &token, &error), KG_E_TOKEN_REJECTED);
  assert_non_null(strstr(error.text, "redirect"));
}

static void surfaced_codes_say_what_to_do(void **state) {
  static const struct {
    const char *code, *part;
  } table[] = {{"392196", "enrolled"}, {"392200", "client certificate"}, {"51000", "owner"}};
  (void)state;
  for (size_t i = 0; i < COUNT(table); i++) {
    char body[128];
    snprintf(body, sizeof body, "{\"error\":\"invalid_request\",\"error_codes\":[%s]}", table[i].code);
    struct kg_token token;
    struct kg_error error;
    assert_int_equal(answer(400, body, KG_TOKEN_MTLS_POP, &token, &error), KG_E_TOKEN_REJECTED);
    if (strstr(error.text, table[i].part) == NULL) fail_msg("'%s' does not say '%s'", error.text, table[i].part);
    assert_int_equal(kg_token_remedy(&error, 0), KG_REMEDY_NONE);
  }
}

/* AADSTS500181: the request is repeated once; where that does not help, the text says what may. */
static void mixed_up_connections_are_tried_again(void **state) {
  (void)state;
  struct kg_error error;
  struct kg_token token;
  assert_int_equal(
      answer(400, "{\"error\":\"invalid_request\",\"error_codes\":[500181]}", KG_TOKEN_MTLS_POP, &token, &error),
      KG_E_TOKEN_REJECTED);
  assert_int_equal(kg_token_remedy(&error, 0), KG_REMEDY_REPEAT);
  assert_non_null(strstr(error.text, "proxy"));
}

static void remedies_follow_the_protocol(void **state) {
  static const struct {
    enum kg_status status;
    const char *oauth, *aadsts, *sub_code;
    unsigned char alert;
    enum kg_token_remedy remedy;
  } table[] = {{KG_E_TOKEN_REJECTED, "invalid_client", "", "", 0, KG_REMEDY_REMINT},
               {KG_E_TOKEN_REJECTED, "invalid_client", "AADSTS7000215", "", 0, KG_REMEDY_REMINT},
               {KG_E_TOKEN_REJECTED, "invalid_client", "AADSTS1000610", "", 0, KG_REMEDY_REMINT_UNATTESTED},
               {KG_E_TOKEN_REJECTED, "invalid_client", "AADSTS1000611", "", 0, KG_REMEDY_REMINT_UNATTESTED},
               {KG_E_TOKEN_REJECTED, "invalid_client", "AADSTS1000612", "", 0, KG_REMEDY_REMINT_UNATTESTED},
               {KG_E_TOKEN_REJECTED, "invalid_client", "AADSTS1000613", "", 0, KG_REMEDY_REMINT_UNATTESTED},
               {KG_E_TOKEN_REJECTED, "invalid_client", "AADSTS1000614", "", 0, KG_REMEDY_REMINT_UNATTESTED},
               {KG_E_TOKEN_REJECTED, "invalid_request", "AADSTS1000901", "", 0, KG_REMEDY_REMINT},
               {KG_E_TOKEN_REJECTED, "invalid_client", "AADSTS392204", "", 0, KG_REMEDY_REMINT},
               {KG_E_TOKEN_REJECTED, "invalid_client", "AADSTS7000112", "", 0, KG_REMEDY_NONE},
               {KG_E_TOKEN_REJECTED, "invalid_client", "AADSTS700016", "", 0, KG_REMEDY_NONE},
               {KG_E_TOKEN_REJECTED, "invalid_client", "AADSTS7002131", "", 0, KG_REMEDY_NONE},
               {KG_E_TOKEN_REJECTED, "invalid_client", "AADSTS7002139", "", 0, KG_REMEDY_REMINT},
               {KG_E_TOKEN_REJECTED, "invalid_client", "AADSTS392200", "", 0, KG_REMEDY_NONE},
               {KG_E_TOKEN_REJECTED, "invalid_request", "", "", 0, KG_REMEDY_NONE},
               {KG_E_TOKEN_REJECTED, "", "", "", 0, KG_REMEDY_NONE},
               {KG_E_TOKEN_TYPE_MISMATCH, "invalid_client", "", "", 0, KG_REMEDY_NONE},
               {KG_E_TRANSPORT, "", "", "connection_reset", 0, KG_REMEDY_REPEAT},
               {KG_E_TRANSPORT, "", "", "connection_closed", 0, KG_REMEDY_REPEAT},
               {KG_E_TRANSPORT, "", "", "", 0, KG_REMEDY_NONE},
               {KG_E_TRANSPORT, "", "", "body_too_large", 0, KG_REMEDY_NONE},
               {KG_E_TIMEOUT, "", "", "", 0, KG_REMEDY_NONE},
               {KG_E_TLS, "", "", "server_untrusted", 0, KG_REMEDY_NONE},
               {KG_E_TLS, "", "", "peer_alert", 70, KG_REMEDY_NONE}, /* protocol_version */
               {KG_E_TLS, "", "", "peer_alert", 80, KG_REMEDY_NONE}, /* internal_error */
               {KG_E_TLS, "", "", "peer_alert", 40, KG_REMEDY_NONE},
               {KG_E_TLS, "", "", "peer_alert", 42, KG_REMEDY_REMINT},
               {KG_E_TLS, "", "", "peer_alert", 43, KG_REMEDY_REMINT},
               {KG_E_TLS, "", "", "peer_alert", 44, KG_REMEDY_REMINT},
               {KG_E_TLS, "", "", "peer_alert", 45, KG_REMEDY_REMINT},
               {KG_E_TLS, "", "", "peer_alert", 46, KG_REMEDY_REMINT},
               {KG_E_TLS, "", "", "peer_alert", 48, KG_REMEDY_REMINT},
               {KG_E_TLS, "", "", "peer_alert", 49, KG_REMEDY_NONE},
               {KG_E_TLS, "", "", "peer_alert", 116, KG_REMEDY_REMINT}};
  (void)state;
  for (size_t i = 0; i < COUNT(table); i++) {
    struct kg_error error = {.status = table[i].status};
    strcpy(error.oauth_error, table[i].oauth);
    strcpy(error.aadsts, table[i].aadsts);
    strcpy(error.sub_code, table[i].sub_code);
    if (kg_token_remedy(&error, table[i].alert) != table[i].remedy) fail_msg("row %zu", i);
  }
}

static void retry_after_is_told(void **state) {
  struct kg_http_response response = {.status = 503, .retry_after_s = 17};
  (void)state;
  struct kg_token token;
  struct kg_error error = {0};
  assert_int_equal(kg_token_response_read(&response, KG_TOKEN_MTLS_POP, &binding, &token, &error), KG_E_TOKEN_REJECTED);
  assert_non_null(strstr(error.text, "17 s"));
}

static void waits_are_the_services_to_ask(void **state) {
  static const struct {
    int http_status;
    const char *aadsts;
    int64_t retry_after_s, wait_s;
  } table[] = {{429, "", -1, 60},
               {429, "", 5, 5},
               {429, "", 7200, 7200},
               {503, "", -1, 0},
               {503, "", 17, 17},
               {400, "", -1, 0},
               {400, "AADSTS50196", -1, 60},
               {400, "AADSTS50196", 5, 60},
               {429, "AADSTS90055", 600, 600}};
  (void)state;
  for (size_t i = 0; i < COUNT(table); i++) {
    struct kg_error error = {.status = KG_E_TOKEN_REJECTED, .http_status = table[i].http_status};
    strcpy(error.aadsts, table[i].aadsts);
    if (kg_token_wait(&error, table[i].retry_after_s) != table[i].wait_s) fail_msg("row %zu", i);
    error.status = KG_E_TOKEN_INVALID; /* an answer with a token, however odd */
    assert_int_equal(kg_token_wait(&error, table[i].retry_after_s), 0);
  }
}

static int make_binding(void **state) {
  (void)state;
  memset(binding.sha256, 0xA5, sizeof binding.sha256);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE("/token_leg/scope_ends_with_default_once", scope_ends_with_default_once),
      CASE("/token_leg/scope_that_is_none_is_refused", scope_that_is_none_is_refused),
      CASE("/token_leg/form_has_the_protocols_fields_and_nothing_else", form_has_the_protocols_fields_and_nothing_else),
      CASE("/token_leg/claims_must_be_an_object", claims_must_be_an_object),
      CASE("/token_leg/headers_carry_the_request_id_and_our_own_names", headers_carry_the_request_id_and_our_own_names),
      CASE("/token_leg/token_types_are_two", token_types_are_two),
      CASE("/token_leg/good_answers_are_taken", good_answers_are_taken),
      CASE("/token_leg/bad_answers_are_refused_by_name", bad_answers_are_refused_by_name),
      CASE("/token_leg/tokens_that_are_not_bound_to_us_are_refused", tokens_that_are_not_bound_to_us_are_refused),
      CASE("/token_leg/texts_that_are_no_jwt_are_refused", texts_that_are_no_jwt_are_refused),
      CASE("/token_leg/bearer_is_taken_where_it_was_asked_for", bearer_is_taken_where_it_was_asked_for),
      CASE("/token_leg/refusals_keep_what_the_service_says", refusals_keep_what_the_service_says),
      CASE("/token_leg/surfaced_codes_say_what_to_do", surfaced_codes_say_what_to_do),
      CASE("/token_leg/mixed_up_connections_are_tried_again", mixed_up_connections_are_tried_again),
      CASE("/token_leg/remedies_follow_the_protocol", remedies_follow_the_protocol),
      CASE("/token_leg/retry_after_is_told", retry_after_is_told),
      CASE("/token_leg/waits_are_the_services_to_ask", waits_are_the_services_to_ask)};
  return cmocka_run_group_tests(tests, make_binding, NULL);
}
