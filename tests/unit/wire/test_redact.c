#include "wire/redact.h"

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
#define BASE64_64 "MIIDHzCCAgcCAQAwZTExMC8GCgmSJomT8ixkARkWIWFhYWFhYWFhLWJiYmItYWJj"
#define HEX_64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define RESOURCE                                                                                                       \
  "/subscriptions/11111111-2222-3333-4444-555555555555/resourcegroups/rg/providers/Microsoft.ManagedIdentity/"         \
  "userAssignedIdentities/web"

static void check(const char *text, const char *expected) {
  char out[600];
  kg_redact(text, out, sizeof out);
  assert_string_equal(out, expected);
}

static void secrets_disappear(void **state) {
  (void)state;
  check(JWT, "[redacted]");
  check("token " JWT " was refused", "token [redacted] was refused");
  check("token='" JWT "'", "token='[redacted]'");
  check("attestation_token=" JWT, "attestation_token=[redacted]");
  check("Bearer:" JWT "," JWT, "Bearer:[redacted],[redacted]");
  check("half a token eyJhbGciOiJSUzI1Ni", "half a token [redacted]");
  check("csr " BASE64_64 "==.", "csr [redacted]");
  check("{\"csr\":\"" BASE64_64 BASE64_64 "\"}", "{\"csr\":\"[redacted]\"}");
  check("key " HEX_64, "key [redacted]");
}

static void names_stay(void **state) {
  (void)state;
  check("", "");
  check("Identity not found", "Identity not found");
  check("id 11111111-2222-3333-4444-555555555555", "id 11111111-2222-3333-4444-555555555555");
  check("resource " RESOURCE " is not assigned", "resource " RESOURCE " is not assigned");
  check("https://sharedcuse.cuse.attest.azure.net:443/attest/keyguard?api-version=2023-04-01-preview",
        "https://sharedcuse.cuse.attest.azure.net:443/attest/keyguard?api-version=2023-04-01-preview");
  check("the key eyJ is short", "the key eyJ is short");
}

static void controls_become_blanks(void **state) {
  (void)state;
  check("one\r\ntwo\x1b[31mthree\x7f", "one  two [31mthree ");
  check("caf\xc3\xa9", "caf??");
}

static void long_text_is_cut(void **state) {
  (void)state;
  char out[16];
  kg_redact("a sentence that does not fit", out, sizeof out);
  assert_string_equal(out, "a sentence t...");
  kg_redact("fifteen of them", out, sizeof out);
  assert_string_equal(out, "fifteen of them");
  kg_redact("0123456789 " JWT, out, sizeof out);
  assert_null(strstr(out, "eyJ"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      {"/redact/secrets_disappear", secrets_disappear, NULL, NULL, NULL},
      {"/redact/names_stay", names_stay, NULL, NULL, NULL},
      {"/redact/controls_become_blanks", controls_become_blanks, NULL, NULL, NULL},
      {"/redact/long_text_is_cut", long_text_is_cut, NULL, NULL, NULL},
  };
  return cmocka_run_group_tests_name("redact", tests, NULL, NULL);
}
