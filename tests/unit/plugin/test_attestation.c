/* Attestation with a substitute library: every way to fail ends without a token. */
#include "fake_attestation.h"
#include "keyguard/attestation.h"
#include "plugin/attestation.h"
#include "plugin/attestation_code.h"
#include "support_host.h"
#include "support_pki.h"

#include "core/base/encoding.h"

#include <dlfcn.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NO_CLAIMS "eyJhbGciOiJub25lIn0.bm90IGpzb24.c2lnbmF0dXJlX2NhbmFyeQ" /* a payload that is not JSON */

static struct fake_attestation *fake;
static struct support_host host;
static struct kg_metadata metadata;
static struct kg_buf token;
static struct kg_error error;
static char endpoint[64]; /* another one a case, because tokens are kept */

static int set_up(void **state) {
  static int cases;
  (void)state;
  snprintf(endpoint, sizeof endpoint, "https://case-%d.attest.azure.net", ++cases);
  memset(fake, 0, sizeof *fake);
  memset(&error, 0, sizeof error);
  fake->token = NO_CLAIMS;
  support_host_init(&host, "http://127.0.0.1:1");
  host.request.attestation = 1;
  host.request.attestation_library = FAKE_ATTESTATION;
  metadata = (struct kg_metadata){
      .client_id = (char *)SUPPORT_CLIENT, .tenant_id = (char *)SUPPORT_TENANT, .attestation_endpoint = endpoint};
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  kg_buf_clear(&token);
  host.request.drop_attestation = 1;
  support_host_clear(&host);
  return fake->freed_something_else || fake->uninits;
}

static enum kg_status get(void) {
  kg_buf_clear(&token);
  kg_error_clear(&error);
  return kg_attestation_get(&host.acquisition, &metadata, &token, &error);
}

static void check_failed(const char *reason) {
  assert_int_equal(get(), KG_E_ATTESTATION_FAILED);
  assert_null(token.data);
  assert_string_equal(kg_status_sub_code(error.status), "attestation_failed");
  if (strstr(error.text, reason) == NULL) fail_msg("\"%s\" has no \"%s\"", error.text, reason);
  assert_null(strstr(error.text, "eyJ"));
}

/* head.payload.signature with these claims; static. */
static const char *jwt(const char *claims) {
  static char text[4096];
  char *payload = kg_base64url_format(kg_span_text(claims));
  snprintf(text, sizeof text, "eyJhbGciOiJub25lIn0.%s.c2lnbmF0dXJlX2NhbmFyeQ", payload);
  free(payload);
  return text;
}

static const char *jwt_until(int64_t expires) {
  char claims[64];
  snprintf(claims, sizeof claims, "{\"exp\":%lld}", (long long)expires);
  return jwt(claims);
}

static void token_is_handed_on(void **state) {
  (void)state;
  assert_int_equal(get(), KG_OK);
  assert_string_equal((char *)token.data, NO_CLAIMS);
  assert_int_equal(fake->calls, 1);
  assert_int_equal(fake->frees, 1);
  assert_false(support_host_logged(&host, "eyJ"));
}

static void arguments_are_as_the_library_wants_them(void **state) {
  (void)state;
  assert_int_equal(get(), KG_OK);
  assert_string_equal(fake->endpoint, endpoint);
  assert_true(fake->auth_token_was_null);
  assert_string_equal(fake->payload, "{}");
  assert_string_equal(fake->client_id, SUPPORT_CLIENT);
  assert_int_equal(fake->key_size, sizeof(struct kg_attestation_key));
  assert_int_equal(fake->signature_len, 256);
  assert_int_equal(fake->public_key_info_len, host.key.public_key_info.len);
  assert_true(fake->key_signs);
}

static void library_is_initialised_once(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++)
    assert_int_equal(get(), KG_OK);
  assert_int_equal(fake->inits, 0); /* an earlier case did it */
  assert_int_equal(fake->calls, 3);
  assert_int_equal(fake->frees, 3);
}

static void every_return_code_is_named(void **state) {
  (void)state;
  for (int32_t code = -1; code >= -36; code--) {
    fake->code = code;
    check_failed(kg_attestation_code_name(code));
    assert_int_equal(error.native_code, code);
    assert_int_equal(strcmp(kg_attestation_code_name(code), "unknown code") == 0, code == -36);
  }
  fake->code = 1;
  check_failed("returned 1 (unknown code)");
  fake->code = INT32_MIN;
  check_failed("unknown code");
  assert_string_equal(kg_attestation_code_name(0), "success");
}

static void token_of_a_failed_call_is_freed_and_not_used(void **state) {
  (void)state;
  fake->code = KG_ATTESTATION_REJECTED;
  check_failed("returned -6 (attestation rejected: policy or signature)");
  assert_int_equal(fake->frees, 1);
}

static void success_without_a_token(void **state) {
  (void)state;
  fake->token = NULL;
  check_failed("without a token");
  assert_int_equal(fake->frees, 0);
}

static void token_that_is_none(void **state) {
  static const struct {
    const char *token, *reason;
  } rows[] = {{"", "is empty"},          {" ", "is empty"},         {"\r\n\t ", "is empty"},
              {"token", "not a token"},  {"a.b", "not a token"},    {"a.b.c.d", "not a token"},
              {"a..c", "not a token"},   {".b.c", "not a token"},   {"a.b.", "not a token"},
              {"..", "not a token"},     {"a.b.c ", "not a token"}, {"a.b\n.c", "not a token"},
              {"a.b.c=", "not a token"}, {"a.b+.c", "not a token"}, {"a.b/.c", "not a token"}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    fake->token = rows[i].token;
    check_failed(rows[i].reason);
  }
  assert_int_equal(fake->frees, sizeof rows / sizeof rows[0]);
}

static void endless_token(void **state) {
  char *text = malloc(70001);
  (void)state;
  assert_non_null(text);
  memset(text, 'a', 70000);
  text[1] = text[3] = '.';
  text[70000] = '\0';
  fake->token = text;
  check_failed("not a token");
  free(text);
}

static void expired_and_future_tokens(void **state) {
  (void)state;
  fake->token = jwt_until(host.wall_s);
  check_failed("already expired");
  fake->token = jwt_until(host.wall_s - 86400);
  check_failed("already expired");
  char claims[128];
  snprintf(claims, sizeof claims, "{\"exp\":%lld,\"nbf\":%lld}", (long long)host.wall_s + 7200,
           (long long)host.wall_s + 3600);
  fake->token = jwt(claims);
  check_failed("not yet valid");
  snprintf(claims, sizeof claims, "{\"exp\":\"%lld\",\"nbf\":%lld}", (long long)host.wall_s + 200,
           (long long)host.wall_s + 200);
  fake->token = jwt(claims);
  assert_int_equal(get(), KG_OK);
}

static void token_of_another_key(void **state) {
  EVP_PKEY *keys[] = {host.pair, support_key_rsa(2048)};
  static const char *const before[] = {"{\"jwk\":", ""}, *const after[] = {"}", ""};
  (void)state;
  for (size_t k = 0; k < 2; k++)
    for (size_t f = 0; f < 2; f++) {
      BIGNUM *n = NULL;
      assert_int_equal(EVP_PKEY_get_bn_param(keys[k], "n", &n), 1);
      unsigned char bytes[256];
      BN_bn2binpad(n, bytes, sizeof bytes);
      char *text = kg_base64url_format(kg_span_of(bytes, sizeof bytes));
      char claims[1024];
      snprintf(claims, sizeof claims, "{\"x-ms-tpm-request-key\":%s{\"kty\":\"RSA\",\"n\":\"%s\",\"e\":\"AQAB\"}%s}",
               before[f], text, after[f]);
      fake->token = jwt(claims);
      if (k == 0)
        assert_int_equal(get(), KG_OK);
      else
        check_failed("is for another key");
      free(text);
      BN_free(n);
    }
  EVP_PKEY_free(keys[1]);
}

static void claims_that_cannot_be_read_do_not_matter(void **state) {
  static const char *const claims[] = {"[]",
                                       "{\"exp\":\"soon\"}",
                                       "{\"exp\":{}}",
                                       "{\"exp\":1.5}",
                                       "{\"x-ms-tpm-request-key\":5}",
                                       "{\"x-ms-tpm-request-key\":{\"jwk\":{\"n\":\"%%\"}}}"};
  (void)state;
  for (size_t i = 0; i < sizeof claims / sizeof claims[0]; i++) {
    fake->token = jwt(claims[i]);
    assert_int_equal(get(), KG_OK);
    assert_int_equal(fake->calls, i + 1); /* without an end: used once */
  }
}

static void good_token_is_reused(void **state) {
  (void)state;
  fake->token = jwt_until(host.wall_s + 28800);
  assert_int_equal(get(), KG_OK);
  assert_int_equal(get(), KG_OK);
  assert_string_equal((char *)token.data, fake->token);
  assert_int_equal(fake->calls, 1);
  host.wall_s += 28800 - 301;
  assert_int_equal(get(), KG_OK);
  assert_int_equal(fake->calls, 1);
  host.wall_s += 1; /* 5 minutes before its end */
  fake->token = jwt_until(host.wall_s + 28800);
  assert_int_equal(get(), KG_OK);
  assert_int_equal(fake->calls, 2);
}

static void rejected_token_is_dropped(void **state) {
  (void)state;
  fake->token = jwt_until(host.wall_s + 28800);
  assert_int_equal(get(), KG_OK);
  host.request.drop_attestation = 1;
  assert_int_equal(get(), KG_OK);
  assert_int_equal(fake->calls, 2);
  host.request.drop_attestation = 0;
  assert_int_equal(get(), KG_OK);
  assert_int_equal(fake->calls, 2);
}

static void tokens_are_kept_by_endpoint_and_key(void **state) {
  EVP_PKEY *other = support_key_rsa(2048), *first = host.pair;
  struct kg_plugin_bytes info = host.key.public_key_info;
  (void)state;
  metadata.attestation_endpoint = (char *)"https://one.example";
  fake->token = jwt_until(host.wall_s + 28800);
  assert_int_equal(get(), KG_OK);
  metadata.attestation_endpoint = (char *)"https://two.example";
  assert_int_equal(get(), KG_OK);
  assert_int_equal(fake->calls, 2);
  host.pair = other; /* a new key under the old name */
  host.key.public_key_info.data = support_public_key_info(other, &host.key.public_key_info.len);
  assert_int_equal(get(), KG_OK);
  assert_int_equal(fake->calls, 3);
  assert_int_equal(get(), KG_OK);
  assert_int_equal(fake->calls, 3);
  OPENSSL_free((void *)host.key.public_key_info.data);
  host.pair = first;
  host.key.public_key_info = info;
  assert_int_equal(get(), KG_OK);
  assert_int_equal(fake->calls, 3);
  EVP_PKEY_free(other);
}

static void many_endpoints_do_not_grow_the_cache(void **state) {
  (void)state;
  for (int i = 0; i < 40; i++) {
    snprintf(endpoint, sizeof endpoint, "https://many-%d.example", i);
    fake->token = jwt_until(host.wall_s + 1000 + i);
    assert_int_equal(get(), KG_OK);
  }
  assert_int_equal(fake->calls, 40);
  assert_int_equal(get(), KG_OK); /* the last one is there */
  assert_int_equal(fake->calls, 40);
}

static void failures_are_not_kept(void **state) {
  (void)state;
  fake->code = KG_ATTESTATION_HTTP_FAILED;
  fake->token = jwt_until(host.wall_s + 28800);
  check_failed("HTTP request failed");
  fake->code = 0;
  assert_int_equal(get(), KG_OK);
  assert_int_equal(fake->calls, 2);
}

static void log_lines(const struct fake_log_line *log, unsigned count) {
  memcpy(fake->log, log, count * sizeof *log);
  fake->log_count = count;
}

static void last_errors_explain_the_code(void **state) {
  static const struct fake_log_line log[] = {
      {0, "Attest", "first"}, {0, "Attest", "second"},  {2, "Attest", "noise"},
      {0, NULL, "third"},     {3, "Attest", "details"}, {0, "Policy", "x-ms-azurevm-dbxvalidated=false"}};
  (void)state;
  log_lines(log, 6);
  fake->code = KG_ATTESTATION_REJECTED;
  check_failed("Attest: second; third; Policy: x-ms-azurevm-dbxvalidated=false");
  assert_null(strstr(error.text, "first"));
  assert_null(strstr(error.text, "noise"));
}

static void levels_are_translated(void **state) {
  static const struct fake_log_line log[] = {{0, "t", "E"}, {1, "t", "W"}, {2, "t", "I"},
                                             {3, "t", "D"}, {4, "t", "F"}, {-1, "t", "N"}};
  (void)state;
  log_lines(log, 6);
  assert_int_equal(get(), KG_OK);
  assert_true(support_host_logged(&host, "1 attestation library: t: E\n2 attestation library: t: W\n"
                                         "3 attestation library: t: I\n4 attestation library: t: D\n"
                                         "4 attestation library: t: F\n4 attestation library: t: N\n"));
}

static void lines_hold_no_token_and_no_control_character(void **state) {
  static const struct fake_log_line log[] = {
      {3, "JWT", "got " NO_CLAIMS " from service"}, {0, NO_CLAIMS, "two\nlines\x1b[31m"}, {2, NULL, NULL}};
  (void)state;
  log_lines(log, 3);
  fake->code = KG_ATTESTATION_REJECTED;
  check_failed("two lines [31m");
  assert_false(support_host_logged(&host, "eyJ"));
  assert_false(support_host_logged(&host, "c2lnbmF0dXJlX2NhbmFyeQ"));
  assert_false(support_host_logged(&host, "\x1b"));
  assert_true(support_host_logged(&host, "JWT: got [redacted] from service"));
}

static void lines_are_bounded(void **state) {
  (void)state;
  for (unsigned i = 0; i < 300; i++)
    fake->log[i] = (struct fake_log_line){2, "t", i == 299 ? "the last" : "line"};
  fake->log_count = 300;
  assert_int_equal(get(), KG_OK);
  size_t lines = 0;
  for (const char *p = host.log; (p = strstr(p, "attestation library: t: ")) != NULL; p++)
    lines++;
  assert_int_equal(lines, 256);
  assert_true(support_host_logged(&host, "44 earlier lines were dropped"));
  assert_true(support_host_logged(&host, "the last"));
}

static void lines_from_a_thread(void **state) {
  static const struct fake_log_line log[] = {{1, "t", "elsewhere"}};
  (void)state;
  log_lines(log, 1);
  fake->log_from_a_thread = 1;
  assert_int_equal(get(), KG_OK);
  assert_true(support_host_logged(&host, "elsewhere"));
}

static void passed_deadline_attests_nothing(void **state) {
  (void)state;
  host.request.deadline_ms = host.elapsed_ms;
  assert_int_equal(get(), KG_E_TIMEOUT);
  assert_int_equal(fake->calls, 0);
}

static void native_handle_is_passed_where_there_is_one(void **state) {
  struct kg_attestation_key native = {.size = 12345, .context = &host, .sign_pss_sha256 = host.key.sign_pss_sha256};
  (void)state;
  host.key.native_handle = (uintptr_t)&native;
  assert_int_equal(get(), KG_OK);
  assert_int_equal(fake->key_size, 12345);
}

/* First of all: afterwards the library is initialised for good. */
static void failed_init_may_be_repeated(void **state) {
  (void)state;
  fake->init_code = KG_ATTESTATION_LOGGER_INIT;
  check_failed("InitAttestationLib returned -35 (its logger cannot be initialised)");
  assert_int_equal(error.native_code, -35);
  assert_int_equal(fake->calls, 0);
  fake->init_code = 0;
  assert_int_equal(get(), KG_OK);
  assert_int_equal(fake->inits, 2);
  assert_int_equal(get(), KG_OK);
  assert_int_equal(fake->inits, 2);
}

static int load_fake(void **state) {
  void *library = dlopen(FAKE_ATTESTATION, RTLD_NOW | RTLD_LOCAL);
  (void)state;
  fake = library != NULL ? dlsym(library, "fake_attestation") : NULL;
  return fake != NULL ? 0 : -1;
}

#define TEST(name)                                                                                                     \
  { "/attestation/" #name, name, set_up, tear_down, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(failed_init_may_be_repeated),
      TEST(token_is_handed_on),
      TEST(arguments_are_as_the_library_wants_them),
      TEST(library_is_initialised_once),
      TEST(every_return_code_is_named),
      TEST(token_of_a_failed_call_is_freed_and_not_used),
      TEST(success_without_a_token),
      TEST(token_that_is_none),
      TEST(endless_token),
      TEST(expired_and_future_tokens),
      TEST(token_of_another_key),
      TEST(claims_that_cannot_be_read_do_not_matter),
      TEST(good_token_is_reused),
      TEST(rejected_token_is_dropped),
      TEST(tokens_are_kept_by_endpoint_and_key),
      TEST(many_endpoints_do_not_grow_the_cache),
      TEST(failures_are_not_kept),
      TEST(last_errors_explain_the_code),
      TEST(levels_are_translated),
      TEST(lines_hold_no_token_and_no_control_character),
      TEST(lines_are_bounded),
      TEST(lines_from_a_thread),
      TEST(passed_deadline_attests_nothing),
      TEST(native_handle_is_passed_where_there_is_one),
  };
  return cmocka_run_group_tests_name("attestation", tests, load_fake, NULL);
}
