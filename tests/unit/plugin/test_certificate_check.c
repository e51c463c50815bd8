#include "plugin/certificate_check.h"
#include "support_host.h"
#include "support_pki.h"

#include <time.h>

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
static struct support_certificate what;
static struct kg_certificate_rules rules;
static struct kg_error error;

static int set_up(void **state) {
  (void)state;
  support_host_init(&host, NULL);
  memset(&error, 0, sizeof error);
  what = (struct support_certificate){.key = host.pair,
                                      .common_name = SUPPORT_CLIENT,
                                      .tenant = SUPPORT_TENANT,
                                      .not_before = host.wall_s - 300,
                                      .not_after = host.wall_s + 604800,
                                      .key_usage = "critical,digitalSignature",
                                      .extended_key_usage = "clientAuth"};
  rules = (struct kg_certificate_rules){.public_key_info =
                                            kg_span_of(host.key.public_key_info.data, host.key.public_key_info.len),
                                        .client_id = SUPPORT_CLIENT,
                                        .now = host.wall_s};
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  support_host_clear(&host);
  return 0;
}

static enum kg_status check_text(const char *text, struct kg_certificate_times *times) {
  struct kg_buf der = {0};
  enum kg_status status = kg_certificate_check(text, &rules, &der, times, &error);
  assert_int_equal(der.len != 0, status == KG_OK);
  kg_buf_clear(&der);
  return status;
}

static enum kg_status check(void) {
  struct kg_certificate_times times = {0, 0};
  char *text = support_certificate_base64(&what);
  enum kg_status status = check_text(text, &times);
  if (status == KG_OK) {
    assert_int_equal(times.not_before, what.not_before);
    assert_int_equal(times.not_after, what.not_after);
  }
  free(text);
  return status;
}

static void refused(const char *reason) {
  assert_int_equal(check(), KG_E_INVALID_CERTIFICATE);
  if (strstr(error.text, reason) == NULL) fail_msg("\"%s\" has no \"%s\"", error.text, reason);
}

static void good_one(void **state) {
  (void)state;
  assert_int_equal(check(), KG_OK);
}

static void name_in_any_case(void **state) {
  (void)state;
  rules.client_id = "ABCDEF00-2222-3333-4444-555555555555";
  what.common_name = "abcdef00-2222-3333-4444-555555555555";
  assert_int_equal(check(), KG_OK);
}

static void other_name(void **state) {
  (void)state;
  what.common_name = "11111111-2222-3333-4444-555555555556";
  refused("common name");
  what.common_name = SUPPORT_CLIENT "0";
  refused("common name");
  what.common_name = NULL;
  refused("common name");
  what.common_name = SUPPORT_CLIENT;
  what.second_name = SUPPORT_CLIENT;
  refused("common name");
}

static void other_key(void **state) {
  EVP_PKEY *keys[] = {support_key_rsa(2048), support_key_ec()};
  (void)state;
  for (size_t i = 0; i < 2; i++) {
    what.key = keys[i];
    refused("another key");
    EVP_PKEY_free(keys[i]);
  }
}

static void usages(void **state) {
  static const struct {
    const char *key_usage, *extended_key_usage;
    bool good;
  } rows[] = {
      {NULL, NULL, true},
      {"digitalSignature", NULL, true},
      {"digitalSignature,keyEncipherment", "clientAuth", true},
      {NULL, "clientAuth,serverAuth", true},
      {NULL, "anyExtendedKeyUsage", true},
      {NULL, "serverAuth", false},
      {NULL, "codeSigning", false},
      {NULL, "1.2.3.4", false},
      {"keyEncipherment", "clientAuth", false},
      {"critical,keyAgreement", NULL, false},
      {"keyCertSign", NULL, false},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    what.key_usage = rows[i].key_usage;
    what.extended_key_usage = rows[i].extended_key_usage;
    if (rows[i].good)
      assert_int_equal(check(), KG_OK);
    else
      refused("TLS client");
  }
}

static void clock_against_validity(void **state) {
  const int64_t begin = 1700000000, end = begin + 604800;
  const struct {
    int64_t now;
    const char *reason;
  } rows[] = {{begin, NULL},
              {begin - 10, NULL},
              {begin - 300, NULL},
              {begin - 301, "begins at 2023-11-14"},
              {begin - 3600, "begins at"},
              {0, "begins at"},
              {end - 1, NULL},
              {end, "ended at 2023-11-21"},
              {end + 691200, "ended at"}};
  (void)state;
  what.not_before = begin;
  what.not_after = end;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    rules.now = rows[i].now;
    if (rows[i].reason != NULL)
      refused(rows[i].reason);
    else
      assert_int_equal(check(), KG_OK);
  }
}

static void both_clocks_are_named(void **state) {
  (void)state;
  what.not_before = 1700003600;
  what.not_after = 1800000000;
  rules.now = 1700000000;
  refused("this machine's clock says 2023-11-14T22:13:20Z, the service's unknown");
  rules.server_time = 1700003601;
  refused("the service's 2023-11-14T23:13:21Z");
}

static void what_is_not_one_der_certificate(void **state) {
  char *good = support_certificate_base64(&what);
  size_t len = strlen(good);
  static const char *const bad[] = {"", " ", "====", "MII", "hello", "AAAA", "MAA=", "-----BEGIN CERTIFICATE-----"};
  (void)state;
  struct kg_certificate_times times;
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    assert_int_equal(check_text(bad[i], &times), KG_E_INVALID_CERTIFICATE);
  char text[8192];
  snprintf(text, sizeof text, "%s\n", good);
  assert_int_equal(check_text(text, &times), KG_E_INVALID_CERTIFICATE);
  snprintf(text, sizeof text, " %s", good);
  assert_int_equal(check_text(text, &times), KG_E_INVALID_CERTIFICATE);
  snprintf(text, sizeof text, "%.*s", (int)(len - 8), good); /* cut short */
  assert_int_equal(check_text(text, &times), KG_E_INVALID_CERTIFICATE);
  snprintf(text, sizeof text, "%.*s", (int)(len / 4 * 2), good);
  assert_int_equal(check_text(text, &times), KG_E_INVALID_CERTIFICATE);
  free(good);
}

static void bytes_after_the_certificate(void **state) {
  X509 *certificate = support_certificate_new(&what);
  unsigned char *der = NULL;
  int len = i2d_X509(certificate, &der);
  (void)state;
  unsigned char longer[4096];
  memcpy(longer, der, (size_t)len);
  longer[len] = 0;
  char text[8192];
  EVP_EncodeBlock((unsigned char *)text, longer, len);
  struct kg_certificate_times times;
  assert_int_equal(check_text(text, &times), KG_OK);
  EVP_EncodeBlock((unsigned char *)text, longer, len + 1);
  assert_int_equal(check_text(text, &times), KG_E_INVALID_CERTIFICATE);
  memcpy(longer + len, der, (size_t)len); /* a chain */
  EVP_EncodeBlock((unsigned char *)text, longer, 2 * len);
  assert_int_equal(check_text(text, &times), KG_E_INVALID_CERTIFICATE);
  OPENSSL_free(der);
  X509_free(certificate);
}

static void every_damaged_byte_is_survived(void **state) {
  X509 *certificate = support_certificate_new(&what);
  unsigned char *der = NULL;
  int len = i2d_X509(certificate, &der);
  (void)state;
  char text[8192];
  struct kg_certificate_times times;
  for (int i = 0; i < len; i++) {
    der[i] ^= 0xff;
    EVP_EncodeBlock((unsigned char *)text, der, len);
    (void)check_text(text, &times); /* refused or, in the signature, not ours to judge */
    der[i] ^= 0xff;
  }
  EVP_EncodeBlock((unsigned char *)text, der, len);
  assert_int_equal(check_text(text, &times), KG_OK);
  OPENSSL_free(der);
  X509_free(certificate);
}

#define TEST(name)                                                                                                     \
  { "/certificate/" #name, name, set_up, tear_down, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(good_one),
      TEST(name_in_any_case),
      TEST(other_name),
      TEST(other_key),
      TEST(usages),
      TEST(clock_against_validity),
      TEST(both_clocks_are_named),
      TEST(what_is_not_one_der_certificate),
      TEST(bytes_after_the_certificate),
      TEST(every_damaged_byte_is_survived),
  };
  return cmocka_run_group_tests_name("certificate", tests, NULL, NULL);
}
