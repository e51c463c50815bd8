#include "ctl/output.h"

#include "ctl/doctor.h"
#include "ctl/process.h"
#include "tests/support/scratch.h"

#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a shell makes of what we print. */
static void values_survive_a_shell(void **state) {
  static const char *const values[] = {
      "plain", "",   "a b",  "it's",  "'",          "''", "$(id)",   "`id`",
      "$HOME", "\\", "a\nb", "\"x\"", "*?[]{}~!#&", "-n", "a;b|c>d", "pkcs11:token=a;object=b"};
  (void)state;
  for (size_t i = 0; i < COUNT(values); i++) {
    FILE *script = fopen(scratch_path("script"), "w");
    kg_output_assignment(script, "VALUE", values[i]);
    fputs("printf %s \"$VALUE\"\n", script);
    fclose(script);
    char command[512];
    snprintf(command, sizeof command, "sh %s", scratch_path("script"));
    FILE *shell = popen(command, "r");
    char got[256] = "";
    got[fread(got, 1, sizeof got - 1, shell)] = '\0';
    assert_int_equal(pclose(shell), 0);
    assert_string_equal(got, values[i]);
  }
}

static void durations_have_two_units(void **state) {
  static const struct {
    int64_t seconds;
    const char *text;
  } table[] = {{-5, "0 s"},
               {0, "0 s"},
               {59, "59 s"},
               {60, "1 min 0 s"},
               {3599, "59 min 59 s"},
               {3600, "1 h 0 min"},
               {86399, "23 h 59 min"},
               {86400, "1 d 0 h"},
               {INT64_C(90061), "1 d 1 h"}};
  (void)state;
  char text[KG_DURATION_SIZE];
  for (size_t i = 0; i < COUNT(table); i++) {
    kg_duration_format(table[i].seconds, text);
    assert_string_equal(text, table[i].text);
  }
}

static struct kg_error example(void) {
  struct kg_error error = {0};
  (void)kg_error_set(&error, KG_E_TOKEN_REJECTED, "token service: HTTP 401");
  error.http_status = 401;
  strcpy(error.aadsts, "AADSTS1000612");
  strcpy(error.correlation_id, "0f0f0f0f-1111-4222-8333-444444444444");
  return error;
}

static void errors_are_lines_on_standard_error(void **state) {
  char out[1024] = "", err[1024] = "";
  struct kg_run run = {.out = fmemopen(out, sizeof out, "w"), .err = fmemopen(err, sizeof err, "w")};
  struct kg_error error = example();
  (void)state;
  assert_int_equal(kg_output_error(&run, &error), kg_status_exit_code(KG_E_TOKEN_REJECTED));
  fclose(run.out);
  fclose(run.err);
  assert_string_equal(out, "");
  assert_string_equal(err, "keyguardctl: MSI_V2_ERROR (token_rejected): token service: HTTP 401\n"
                           "keyguardctl:   http status: 401\n"
                           "keyguardctl:   aadsts: AADSTS1000612\n"
                           "keyguardctl:   correlation id: 0f0f0f0f-1111-4222-8333-444444444444\n");
}

static void errors_are_objects_on_standard_output_with_json(void **state) {
  char out[1024] = "", err[1024] = "";
  struct kg_run run = {.out = fmemopen(out, sizeof out, "w"), .err = fmemopen(err, sizeof err, "w"), .json = true};
  struct kg_error error = example();
  (void)state;
  assert_int_equal(kg_output_error(&run, &error), kg_status_exit_code(KG_E_TOKEN_REJECTED));
  fclose(run.out);
  fclose(run.err);
  assert_string_equal(err, "");
  cJSON *object = cJSON_Parse(out), *inner = cJSON_GetObjectItem(object, "error");
  assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(inner, "code")), "MSI_V2_ERROR");
  assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(inner, "sub_code")), "token_rejected");
  assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(inner, "text")), "token service: HTTP 401");
  assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(inner, "http_status")), 401);
  assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(inner, "exit_code")), 8);
  assert_null(cJSON_GetObjectItem(inner, "oauth_error"));
  cJSON_Delete(object);
}

/* A finer sub-code of a callee stays. */
static void own_sub_code_goes_first(void **state) {
  struct kg_error error = example();
  (void)state;
  strcpy(error.sub_code, "finer");
  cJSON *object = kg_output_error_object(&error);
  assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(object, "sub_code")), "finer");
  cJSON_Delete(object);
}

static void colour_is_for_terminals(void **state) {
  FILE *file = fopen(scratch_path("colour"), "w");
  (void)state;
  setenv("TERM", "xterm", 1);
  assert_false(kg_process_is_terminal(file));
  kg_output_coloured(file, KG_COLOUR_BAD, "text");
  fclose(file);
  char *text = scratch_read(scratch_path("colour"));
  assert_string_equal(text, "text");
  free(text);
}

static void openssl_configurations_are_judged(void **state) {
  static const struct {
    const char *text;
    enum kg_openssl_conf verdict;
  } table[] = {
      {"", KG_OPENSSL_CONF_FINE},
      {"openssl_conf = init\n[init]\n", KG_OPENSSL_CONF_FINE},
      {"openssl_conf = init\n[init]\nproviders = list\n[list]\ndefault = d\n[d]\n# activate = 1\n",
       KG_OPENSSL_CONF_FINE},
      {"openssl_conf = init\n[init]\nproviders = list\n[list]\ndefault = d\npkcs11 = p\n[d]\nactivate = 1\n[p]\n"
       "activate = 1\n",
       KG_OPENSSL_CONF_FINE},
      {"openssl_conf = init\n[init]\nproviders = list\n[list]\ndefault = d\npkcs11 = p\n[d]\n[p]\nactivate = 1\n",
       KG_OPENSSL_CONF_NO_DEFAULT},
      {"openssl_conf = init\n[init]\nproviders = list\n[list]\npkcs11 = p\n[p]\nmodule = /x.so\nactivate = yes\n",
       KG_OPENSSL_CONF_NO_DEFAULT},
      {"openssl_conf = init\n[init]\nproviders = list\n[list]\nmine = d\n[d]\nidentity = default\nactivate = 1\n",
       KG_OPENSSL_CONF_FINE},
      {"openssl_conf = init\n[init\n", KG_OPENSSL_CONF_UNREADABLE},
      {"no configuration at all", KG_OPENSSL_CONF_UNREADABLE}};
  (void)state;
  for (size_t i = 0; i < COUNT(table); i++)
    if (kg_doctor_read_openssl_conf(scratch_write("openssl.cnf", table[i].text, 0644)) != table[i].verdict)
      fail_msg("row %zu", i);
  assert_int_equal(kg_doctor_read_openssl_conf(scratch_path("nosuch.cnf")), KG_OPENSSL_CONF_UNREADABLE);
}

static void module_files_are_understood(void **state) {
  static const struct {
    const char *text, *path; /* NULL: names another module */
  } table[] = {{"module: keyguard-pkcs11.so\n", "keyguard-pkcs11.so"},
               {"# comment\n  module:   /usr/lib/pkcs11/keyguard-pkcs11.so  \npriority: 5",
                "/usr/lib/pkcs11/keyguard-pkcs11.so"},
               {"module:/x/keyguard-pkcs11.so", "/x/keyguard-pkcs11.so"},
               {"module: keyguard-pkcs11.so.bak\n", NULL},
               {"module: p11-kit-trust.so\n", NULL},
               {"#module: keyguard-pkcs11.so\n", NULL},
               {"module:\n", NULL},
               {"", NULL}};
  (void)state;
  for (size_t i = 0; i < COUNT(table); i++) {
    char path[128] = "";
    bool named = kg_doctor_names_module(table[i].text, "keyguard-pkcs11.so", path, sizeof path);
    assert_int_equal(named, table[i].path != NULL);
    if (named) assert_string_equal(path, table[i].path);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE("/ctl_output/values_survive_a_shell", values_survive_a_shell),
      CASE("/ctl_output/durations_have_two_units", durations_have_two_units),
      CASE("/ctl_output/errors_are_lines_on_standard_error", errors_are_lines_on_standard_error),
      CASE("/ctl_output/errors_are_objects_on_standard_output_with_json",
           errors_are_objects_on_standard_output_with_json),
      CASE("/ctl_output/own_sub_code_goes_first", own_sub_code_goes_first),
      CASE("/ctl_output/colour_is_for_terminals", colour_is_for_terminals),
      CASE("/ctl_output/openssl_configurations_are_judged", openssl_configurations_are_judged),
      CASE("/ctl_output/module_files_are_understood", module_files_are_understood)};
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
