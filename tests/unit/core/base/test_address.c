#include "core/base/address.h"

#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

struct row {
  const char *text, *origin, *rest; /* origin NULL: refused */
};

/* What a configuration or the environment may name. */
static const struct row http[] = {
    {"http://169.254.169.254", "http://169.254.169.254", ""},
    {"http://127.0.0.1:8080/metadata/identity", "http://127.0.0.1:8080", "/metadata/identity"},
    {"http://host/", "http://host", "/"},
    {"http://host?query", "http://host", "?query"},
    {"http://host#fragment", "http://host", "#fragment"},
    {"http://host/user@elsewhere", "http://host", "/user@elsewhere"},
    {"HTTP://Host.Example:1", "http://host.example:1", ""},
    {"HTTPS://Host_Name-1.Example:65535", "https://host_name-1.example:65535", ""},
    {"https://[FE80::1]:443", "https://[fe80::1]:443", ""},
    {"http://[::1]", "http://[::1]", ""},
    {"", NULL, NULL},
    {"169.254.169.254", NULL, NULL},
    {"host:80", NULL, NULL},
    {"//host", NULL, NULL},
    {"ftp://host", NULL, NULL},
    {"http:/host", NULL, NULL},
    {"http:host", NULL, NULL},
    {" http://host", NULL, NULL},
    {"http://", NULL, NULL},
    {"http:///", NULL, NULL},
    {"http://?x", NULL, NULL},
    {"http://:80", NULL, NULL},
    {"http://host:", NULL, NULL},
    {"http://host:0", NULL, NULL},
    {"http://host:65536", NULL, NULL},
    {"http://host:000080", NULL, NULL},
    {"http://host:8x", NULL, NULL},
    {"http://host:+80", NULL, NULL},
    {"http://host:80:80", NULL, NULL},
    {"http://user@host", NULL, NULL},
    {"http://user:word@host", NULL, NULL},
    {"http://host ", NULL, NULL},
    {"http://host\n", NULL, NULL},
    {"http://ho\tst", NULL, NULL},
    {"http://h\x7fst", NULL, NULL},
    {"http://h\xc3\xb6st", NULL, NULL},
    {"http://host\\@other", NULL, NULL},
    {"http://host/\\", NULL, NULL},
    {"http://host%2eexample", NULL, NULL},
    {"http://.host", NULL, NULL},
    {"http://host.", NULL, NULL},
    {"http://a..b", NULL, NULL},
    {"http://host,other", NULL, NULL},
    {"http://::1", NULL, NULL},
    {"http://[::1", NULL, NULL},
    {"http://[]:80", NULL, NULL},
    {"http://[::1]x", NULL, NULL},
    {"http://[::1]:", NULL, NULL},
    {"http://[::1%25eth0]", NULL, NULL},
    {"http://[host.example]", NULL, NULL},
};

/* What an answer may name. */
static const struct row https[] = {
    {"https://host", "https://host", ""},
    {"HTTPS://Host:8443/x", "https://host:8443", "/x"},
    {"host", "https://host", ""},
    {"host:8443/x", "https://host:8443", "/x"},
    {"", NULL, NULL},
    {"http://host", NULL, NULL},
    {"ftp://host", NULL, NULL},
    {"https:/x", NULL, NULL},
    {"https:x", NULL, NULL},
    {"https://host:", NULL, NULL},
    {"user@host", NULL, NULL},
    {"\\\\host", NULL, NULL},
};

static void check(const struct row *row, const char *why, const struct kg_address *address) {
  if ((why == NULL) != (row->origin != NULL)) fail_msg("'%s': %s", row->text, why != NULL ? why : "taken");
  if (row->origin == NULL) return;
  char *origin = kg_address_format(address);
  assert_string_equal(origin, row->origin);
  assert_string_equal(address->rest, row->rest);
  free(origin);
}

static void every_form(void **state) {
  (void)state;
  struct kg_address address;
  for (size_t i = 0; i < COUNT(http); i++)
    check(&http[i], kg_address_parse_http(http[i].text, &address), &address);
  for (size_t i = 0; i < COUNT(https); i++)
    check(&https[i], kg_address_parse_https(https[i].text, &address), &address);
}

static void scheme_that_is_not_allowed_is_none(void **state) {
  (void)state;
  struct kg_address address;
  assert_non_null(kg_address_parse_http("ftp://host", &address));
  assert_null(address.scheme);
  assert_non_null(kg_address_parse_http("http://", &address));
  assert_string_equal(address.scheme, "http");
  assert_non_null(kg_address_parse_https("http://host", &address));
  assert_null(address.scheme);
}

static void lengths_are_bounded(void **state) {
  (void)state;
  char text[4096] = "http://";
  struct kg_address address;
  memset(text + 7, 'a', KG_HOST_MAX);
  assert_null(kg_address_parse_http(text, &address));
  text[7 + KG_HOST_MAX] = 'a';
  assert_non_null(kg_address_parse_http(text, &address));
  strcpy(text, "http://host/");
  memset(text + 12, 'a', 2048 - 12);
  assert_null(kg_address_parse_http(text, &address));
  text[2048] = 'a';
  text[2049] = '\0';
  assert_non_null(kg_address_parse_http(text, &address));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE("/address/every_form", every_form),
      CASE("/address/scheme_that_is_not_allowed_is_none", scheme_that_is_not_allowed_is_none),
      CASE("/address/lengths_are_bounded", lengths_are_bounded)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
