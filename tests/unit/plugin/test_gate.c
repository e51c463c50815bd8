#include "plugin/gate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const variables[] = {"IDENTITY_ENDPOINT",      "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT",
                                        "IMDS_ENDPOINT",          "MSI_ENDPOINT",    "MSI_SECRET",
                                        "MSAL_MI_DISABLE_IMDS_V2"};

static int forget(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
    unsetenv(variables[i]);
  return 0;
}

static enum kg_status check(int proof, int attestation, struct kg_error *error) {
  struct kg_plugin_request request = {.proof_of_possession = proof, .attestation = attestation};
  return kg_gate_check(&request, error);
}

static void both_switches(void **state) {
  (void)state;
  struct kg_error error = {0};
  assert_int_equal(check(1, 0, &error), KG_OK);
  assert_int_equal(check(1, 1, &error), KG_OK);
  assert_int_equal(check(0, 1, &error), KG_E_ATTESTATION_REQUIRES_POP);
  assert_string_equal(kg_status_code(error.status), "MSI_V2_ATTESTATION_REQUIRES_POP");
  assert_int_equal(check(0, 0, &error), KG_E_POP_REQUIRED);
}

static void kill_switch(void **state) {
  static const struct {
    const char *value;
    bool disables;
  } rows[] = {{"true", true}, {"TRUE", true}, {"True", true},   {"1", true},      {"", false},     {"0", false},
              {"yes", false}, {"11", false},  {" true", false}, {"true ", false}, {"false", false}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    setenv("MSAL_MI_DISABLE_IMDS_V2", rows[i].value, 1);
    struct kg_error error = {0};
    assert_int_equal(check(1, 0, &error), rows[i].disables ? KG_E_DISABLED : KG_OK);
    if (rows[i].disables) assert_non_null(strstr(error.text, "MSAL_MI_DISABLE_IMDS_V2"));
  }
}

static void environment_of_another_source(void **state) {
  static const struct {
    const char *set[3], *name; /* name NULL: it is none */
  } rows[] = {
      {{"IDENTITY_ENDPOINT", "IDENTITY_HEADER", NULL}, "App Service"},
      {{"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT"}, "Service Fabric"},
      {{"MSI_ENDPOINT", "MSI_SECRET", NULL}, "Azure Machine Learning"},
      {{"MSI_ENDPOINT", NULL, NULL}, "Cloud Shell"},
      {{"IDENTITY_ENDPOINT", "IMDS_ENDPOINT", NULL}, "Azure Arc"},
      {{"IDENTITY_ENDPOINT", NULL, NULL}, NULL},
      {{"IDENTITY_HEADER", NULL, NULL}, NULL},
      {{"IMDS_ENDPOINT", NULL, NULL}, NULL},
      {{"MSI_SECRET", NULL, NULL}, NULL},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    forget(NULL);
    for (size_t j = 0; j < 3 && rows[i].set[j] != NULL; j++)
      setenv(rows[i].set[j], "http://value_canary", 1);
    struct kg_error error = {0};
    assert_int_equal(check(1, 0, &error), rows[i].name != NULL ? KG_E_ENVIRONMENT : KG_OK);
    if (rows[i].name != NULL) assert_non_null(strstr(error.text, rows[i].name));
    assert_null(strstr(error.text, "value_canary"));
  }
}

static void empty_variable_is_unset(void **state) {
  (void)state;
  setenv("IDENTITY_ENDPOINT", "http://x", 1);
  setenv("IDENTITY_HEADER", "", 1);
  assert_int_equal(check(1, 0, NULL), KG_OK);
}

static void switches_come_before_the_environment(void **state) {
  (void)state;
  setenv("MSAL_MI_DISABLE_IMDS_V2", "1", 1);
  setenv("MSI_ENDPOINT", "http://x", 1);
  assert_int_equal(check(0, 1, NULL), KG_E_ATTESTATION_REQUIRES_POP);
  assert_int_equal(check(1, 1, NULL), KG_E_DISABLED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      {"/gate/both_switches", both_switches, forget, forget, NULL},
      {"/gate/kill_switch", kill_switch, forget, forget, NULL},
      {"/gate/environment_of_another_source", environment_of_another_source, forget, forget, NULL},
      {"/gate/empty_variable_is_unset", empty_variable_is_unset, forget, forget, NULL},
      {"/gate/switches_come_before_the_environment", switches_come_before_the_environment, forget, forget, NULL},
  };
  return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
