/* What an attempt depends on: everything that an operator may mend changes it, and nothing secret is in it. */
#include "ctl/fingerprint.h"

#include "core/base/buf.h"
#include "core/state/config_parse.h"
#include "tests/support/scratch.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char base[] = "[keyguard]\nmetadata-endpoint = http://127.0.0.1:1\nattestation-library = /x/library.so\n"
                           "[identity web]\nkey-store = pkcs11:token=t;object=o?module-path=/x/hsm.so&pin-value=1234\n"
                           "mtls-proof-of-possession = true\nminimum-strength = software\n";

/* Of the text with one part replaced by another. */
static char *of(const char *from, const char *to) {
  const char *at = from != NULL ? strstr(base, from) : base;
  assert_non_null(at);
  char text[1024];
  snprintf(text, sizeof text, "%.*s%s%s", (int)(at - base), base, to != NULL ? to : "",
           at + (from != NULL ? strlen(from) : 0));
  struct kg_config *config = NULL;
  struct kg_error error = {0};
  if (kg_config_parse("test.conf", kg_span_text(text), &config, &error) != KG_OK) fail_msg("%s", error.text);
  char *fingerprint = kg_fingerprint(config, &config->identities[0]);
  assert_non_null(fingerprint);
  assert_int_equal(strlen(fingerprint), 64);
  kg_config_free(&config);
  return fingerprint;
}

static void same_settings_give_the_same(void **state) {
  char *one = of(NULL, NULL), *two = of(NULL, "# a comment\n");
  (void)state;
  assert_string_equal(one, two);
  free(one);
  free(two);
}

static void every_setting_counts(void **state) {
  static const struct {
    const char *from, *to;
  } table[] = {
      {"http://127.0.0.1:1", "http://127.0.0.1:2"},
      {"/x/library.so", "/y/library.so"},
      {"[keyguard]\n", "[keyguard]\nplugin = other\n"},
      {"[keyguard]\n", "[keyguard]\nallowed-hosts = example.com\n"},
      {"[identity web]", "[identity wed]"},
      {"token=t", "token=u"},
      {"/x/hsm.so", "/y/hsm.so"},
      {"minimum-strength = software", "minimum-strength = hardware"},
      {"mtls-proof-of-possession = true\n", "mtls-proof-of-possession = true\nwith-attestation-support = true\n"},
      {"mtls-proof-of-possession = true\n", "mtls-proof-of-possession = true\nuser-assigned-client-id = "
                                            "11111111-2222-3333-4444-555555555555\n"}};
  char *before = of(NULL, NULL);
  (void)state;
  for (size_t i = 0; i < COUNT(table); i++) {
    char *after = of(table[i].from, table[i].to);
    if (strcmp(before, after) == 0) fail_msg("%s", table[i].to);
    free(after);
  }
  free(before);
}

/* It is written where everybody may read it, and a PIN is short enough to be guessed from a hash. */
static void pin_does_not_count(void **state) {
  char *one = of(NULL, NULL), *two = of("pin-value=1234", "pin-value=9999");
  (void)state;
  assert_string_equal(one, two);
  free(one);
  free(two);
}

static void address_of_the_environment_counts_where_it_is_used(void **state) {
  char *one = of("metadata-endpoint = http://127.0.0.1:1\n", NULL), *configured = of(NULL, NULL);
  (void)state;
  setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:7", 1);
  char *two = of("metadata-endpoint = http://127.0.0.1:1\n", NULL);
  char *still = of(NULL, NULL);
  unsetenv("AZURE_POD_IDENTITY_AUTHORITY_HOST");
  assert_string_not_equal(one, two);
  assert_string_equal(configured, still);
  free(one);
  free(two);
  free(configured);
  free(still);
}

static void library_that_appears_counts(void **state) {
  (void)state;
  struct kg_config *config = NULL;
  struct kg_error error = {0};
  assert_int_equal(kg_config_parse("test.conf", kg_span_text(base), &config, &error), KG_OK);
  free(config->attestation_library);
  config->attestation_library = kg_strdup(scratch_path("library.so"));
  char *absent = kg_fingerprint(config, &config->identities[0]);
  scratch_write("library.so", "x", 0644);
  char *there = kg_fingerprint(config, &config->identities[0]);
  assert_string_not_equal(absent, there);
  free(absent);
  free(there);
  kg_config_free(&config);
}

int main(void) {
  const struct CMUnitTest tests[] = {CASE("/fingerprint/same_settings_give_the_same", same_settings_give_the_same),
                                     CASE("/fingerprint/every_setting_counts", every_setting_counts),
                                     CASE("/fingerprint/pin_does_not_count", pin_does_not_count),
                                     CASE("/fingerprint/address_of_the_environment_counts_where_it_is_used",
                                          address_of_the_environment_counts_where_it_is_used),
                                     CASE("/fingerprint/library_that_appears_counts", library_that_appears_counts)};
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
