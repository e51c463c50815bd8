#include "wire/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct row {
  const char *text, *origin; /* origin NULL: refused */
};

static const struct row endpoints[] = {
    {"https://eastus.attestation.azure.net", "https://eastus.attestation.azure.net"},
    {"https://eastus.attestation.azure.net/", "https://eastus.attestation.azure.net"},
    {"HTTPS://EastUS.Attest.Azure.NET/a/b?c=d#e", "https://eastus.attest.azure.net"},
    {"sharedcuse.cuse.attest.azure.net", "https://sharedcuse.cuse.attest.azure.net"},
    {"host.example:8443", "https://host.example:8443"},
    {"https://host.example:8443/x", "https://host.example:8443"},
    {"https://host.example:1", "https://host.example:1"},
    {"https://host.example:65535", "https://host.example:65535"},
    {"https://host_name-1.example", "https://host_name-1.example"},
    {"https://[::1]:8443/x", "https://[::1]:8443"},
    {"https://[FE80::1]", "https://[fe80::1]"},
    {"https://127.0.0.1:8443", "https://127.0.0.1:8443"},
    {"https://host.example?x", "https://host.example"},
    {"https://host.example#x", "https://host.example"},
    {"https://host.example/user@elsewhere", "https://host.example"},
    {"", NULL},
    {" ", NULL},
    {"http://x", NULL},
    {"HTTP://x", NULL},
    {"ftp://x", NULL},
    {"file:///etc/passwd", NULL},
    {"javascript://x", NULL},
    {"//host", NULL},
    {"/path", NULL},
    {"https:/x", NULL},
    {"https:x", NULL},
    {"https://", NULL},
    {"https:///x", NULL},
    {"https://?x", NULL},
    {"https://#x", NULL},
    {"https://:443", NULL},
    {"https://host:", NULL},
    {"https://host:/x", NULL},
    {"host:", NULL},
    {"https://host:0", NULL},
    {"https://host:65536", NULL},
    {"https://host:99999999999", NULL},
    {"https://host:+80", NULL},
    {"https://host:8x", NULL},
    {"https://host:80:80", NULL},
    {"https://user@host", NULL},
    {"https://user:password@host", NULL},
    {"https://@host", NULL},
    {"user@host", NULL},
    {"https://good.example@evil.example", NULL},
    {"https://good.example\\@evil.example", NULL},
    {"https://good.example\\.evil.example", NULL},
    {"https:\\\\evil.example", NULL},
    {"https://evil.example/\\", NULL},
    {"\\\\host", NULL},
    {"https://a b", NULL},
    {"https://host/a b", NULL},
    {" https://host", NULL},
    {"https://host ", NULL},
    {"https://host\n", NULL},
    {"https://host\r\nHeader: x", NULL},
    {"https://ho\tst", NULL},
    {"https://h\x7fst", NULL},
    {"https://h\xc3\xb6st", NULL},
    {"https://host%2eexample", NULL},
    {"https://host%00", NULL},
    {"https://.example", NULL},
    {"https://example.", NULL},
    {"https://a..b", NULL},
    {"https://.", NULL},
    {"https://[::1", NULL},
    {"https://[]", NULL},
    {"https://[::1]x", NULL},
    {"https://[::1]:", NULL},
    {"https://[::1%25eth0]", NULL},
    {"https://[evil.example]", NULL},
    {"https://::1", NULL},
    {"https://host,other", NULL},
    {"https://host;x", NULL},
    {"https://host\"x", NULL},
    {"https://$host", NULL},
    {"mailto:user", NULL},
};

static void every_form(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof endpoints / sizeof endpoints[0]; i++) {
    struct kg_error error = {0};
    char *origin = (char *)"unset";
    enum kg_status status = kg_endpoint_check("endpoint", endpoints[i].text, NULL, &origin, &error);
    if ((status == KG_OK) != (endpoints[i].origin != NULL)) print_error("row %zu: %s\n", i, endpoints[i].text);
    if (endpoints[i].origin != NULL) {
      assert_int_equal(status, KG_OK);
      assert_string_equal(origin, endpoints[i].origin);
    } else {
      assert_int_equal(status, KG_E_IMDS_FAILED);
      assert_null(origin);
      assert_non_null(strstr(error.text, "endpoint"));
    }
    free(origin);
  }
}

static void lengths_are_bounded(void **state) {
  char text[4096] = "https://";
  (void)state;
  memset(text + 8, 'a', 253);
  text[8 + 253] = '\0';
  char *origin = NULL;
  assert_int_equal(kg_endpoint_check("endpoint", text, NULL, &origin, NULL), KG_OK);
  free(origin);
  text[8 + 253] = 'a';
  text[8 + 254] = '\0';
  assert_int_equal(kg_endpoint_check("endpoint", text, NULL, &origin, NULL), KG_E_IMDS_FAILED);
  strcpy(text, "https://host/");
  memset(text + 13, 'a', 2040);
  text[13 + 2040] = '\0';
  assert_int_equal(kg_endpoint_check("endpoint", text, NULL, &origin, NULL), KG_E_IMDS_FAILED);
}

static void allowed_hosts_are_suffixes(void **state) {
  static const char *const allowed[] = {"microsoft.com", ".attest.azure.net", "127.0.0.1", NULL};
  static const char *const none[] = {NULL};
  static const struct {
    const char *text;
    bool allowed;
  } rows[] = {{"https://eastus.mtlsauth.microsoft.com", true},
              {"https://microsoft.com", true},
              {"https://MICROSOFT.COM", true},
              {"https://attest.azure.net", true},
              {"https://x.attest.azure.net:444", true},
              {"https://127.0.0.1:99", true},
              {"https://evilmicrosoft.com", false},
              {"https://microsoft.com.evil.example", false},
              {"https://evil.example/microsoft.com", false},
              {"https://com", false},
              {"https://8.127.0.0.2", false}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char *origin = NULL;
    struct kg_error error = {0};
    assert_int_equal(kg_endpoint_check("token endpoint", rows[i].text, allowed, &origin, &error),
                     rows[i].allowed ? KG_OK : KG_E_IMDS_FAILED);
    if (!rows[i].allowed) assert_non_null(strstr(error.text, "not among the allowed hosts"));
    free(origin);
    assert_int_equal(kg_endpoint_check("token endpoint", rows[i].text, none, &origin, &error), KG_OK);
    free(origin);
  }
}

static void empty_suffix_allows_nothing(void **state) {
  static const char *const allowed[] = {"", ".", NULL};
  (void)state;
  char *origin = NULL;
  assert_int_equal(kg_endpoint_check("endpoint", "https://host", allowed, &origin, NULL), KG_E_IMDS_FAILED);
}

static void metadata_address_may_be_http_and_needs_a_scheme(void **state) {
  static const struct row rows[] = {{"http://169.254.169.254", "http://169.254.169.254"},
                                    {"http://127.0.0.1:8080/metadata/identity", "http://127.0.0.1:8080"},
                                    {"HTTPS://Host.Example/", "https://host.example"},
                                    {"169.254.169.254", NULL},
                                    {"ftp://169.254.169.254", NULL},
                                    {"http://user@169.254.169.254", NULL},
                                    {"http://169.254.169.254 ", NULL},
                                    {"http://", NULL},
                                    {"", NULL}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char *origin = NULL;
    struct kg_error error = {0};
    assert_int_equal(kg_endpoint_check_metadata(rows[i].text, &origin, &error),
                     rows[i].origin != NULL ? KG_OK : KG_E_CONFIG);
    if (rows[i].origin != NULL) assert_string_equal(origin, rows[i].origin);
    free(origin);
  }
}

static void refusal_shows_no_password(void **state) {
  (void)state;
  struct kg_error error = {0};
  char *origin = NULL;
  assert_int_equal(kg_endpoint_check("endpoint", "https://user:hunter2@host", NULL, &origin, &error), KG_E_IMDS_FAILED);
  assert_null(strstr(error.text, "hunter2"));
  assert_non_null(strstr(error.text, "names a user"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      {"/endpoint/every_form", every_form, NULL, NULL, NULL},
      {"/endpoint/lengths_are_bounded", lengths_are_bounded, NULL, NULL, NULL},
      {"/endpoint/allowed_hosts_are_suffixes", allowed_hosts_are_suffixes, NULL, NULL, NULL},
      {"/endpoint/empty_suffix_allows_nothing", empty_suffix_allows_nothing, NULL, NULL, NULL},
      {"/endpoint/metadata_address_may_be_http_and_needs_a_scheme", metadata_address_may_be_http_and_needs_a_scheme,
       NULL, NULL, NULL},
      {"/endpoint/refusal_shows_no_password", refusal_shows_no_password, NULL, NULL, NULL},
  };
  return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
