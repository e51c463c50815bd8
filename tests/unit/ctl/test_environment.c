#include "ctl/environment.h"

#include "wire/source.h"

#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"MSAL_MI_DISABLE_IMDS_V2",
                                    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
                                    "IDENTITY_ENDPOINT",
                                    "IDENTITY_HEADER",
                                    "IDENTITY_SERVER_THUMBPRINT",
                                    "IMDS_ENDPOINT",
                                    "MSI_ENDPOINT",
                                    "MSI_SECRET"};

static int clean(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(names); i++)
    unsetenv(names[i]);
  return 0;
}

static void kill_switch_takes_one_and_true_alone(void **state) {
  static const struct {
    const char *value;
    enum kg_status status;
  } table[] = {{"1", KG_E_DISABLED},
               {"true", KG_E_DISABLED},
               {"TRUE", KG_E_DISABLED},
               {"True", KG_E_DISABLED},
               {"yes", KG_OK},
               {"0", KG_OK},
               {"", KG_OK},
               {"truee", KG_OK},
               {"tru", KG_OK},
               {"11", KG_OK}};
  (void)state;
  for (size_t i = 0; i < COUNT(table); i++) {
    setenv("MSAL_MI_DISABLE_IMDS_V2", table[i].value, 1);
    struct kg_error error = {0};
    assert_int_equal(kg_source_check(&error), table[i].status);
  }
}

static void other_sources_are_refused_by_name(void **state) {
  static const struct {
    const char *variables[3];
    const char *source;
  } table[] = {{{"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT"}, "Service Fabric"},
               {{"IDENTITY_ENDPOINT", "IDENTITY_HEADER", NULL}, "App Service"},
               {{"MSI_ENDPOINT", "MSI_SECRET", NULL}, "Machine Learning"},
               {{"MSI_ENDPOINT", NULL, NULL}, "Cloud Shell"},
               {{"IDENTITY_ENDPOINT", "IMDS_ENDPOINT", NULL}, "Arc"}};
  for (size_t i = 0; i < COUNT(table); i++) {
    clean(state);
    for (int k = 0; k < 3 && table[i].variables[k] != NULL; k++)
      setenv(table[i].variables[k], "http://127.0.0.1:1", 1);
    struct kg_error error = {0};
    assert_int_equal(kg_source_check(&error), KG_E_ENVIRONMENT);
    if (strstr(error.text, table[i].source) == NULL) fail_msg("'%s' does not say '%s'", error.text, table[i].source);
  }
}

static void incomplete_sources_are_none(void **state) {
  (void)state;
  setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1", 1);
  struct kg_error error = {0};
  assert_int_equal(kg_source_check(&error), KG_OK);
  unsetenv("IDENTITY_ENDPOINT");
  setenv("MSI_SECRET", "x", 1);
  setenv("IDENTITY_HEADER", "x", 1);
  setenv("MSI_ENDPOINT", "", 1); /* empty is not set */
  assert_int_equal(kg_source_check(&error), KG_OK);
}

static char *endpoint(const struct kg_config *config, const char *value, enum kg_status *status) {
  if (value != NULL)
    setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", value, 1);
  else
    unsetenv("AZURE_POD_IDENTITY_AUTHORITY_HOST");
  char *out = NULL;
  struct kg_error error = {0};
  *status = kg_environment_metadata_endpoint(config, &out, &error);
  if (*status != KG_OK) assert_non_null(strstr(error.text, "AZURE_POD_IDENTITY_AUTHORITY_HOST"));
  return out;
}

static void authority_host_is_reduced_to_its_origin(void **state) {
  static const struct {
    const char *value, *endpoint;
  } table[] = {{"http://127.0.0.1:8080", "http://127.0.0.1:8080"},
               {"http://127.0.0.1:8080/", "http://127.0.0.1:8080"},
               {"https://host.example/some/path?query", "https://host.example"},
               {"  http://host.example \n", "http://host.example"},
               {"", NULL},
               {"  ", NULL},
               {NULL, NULL}};
  (void)state;
  const struct kg_config config = {0};
  for (size_t i = 0; i < COUNT(table); i++) {
    enum kg_status status;
    char *out = endpoint(&config, table[i].value, &status);
    assert_int_equal(status, KG_OK);
    if (table[i].endpoint != NULL)
      assert_string_equal(out, table[i].endpoint);
    else
      assert_null(out);
    free(out);
  }
}

static void hostile_authority_hosts_are_refused(void **state) {
  static const char *const table[] = {"ftp://host",       "host:80", "http://user@host", "http://u:p@host",
                                      "http://a\\@b",     "http://", "http://host:",     "file:///etc/passwd",
                                      "http://host name", "//host"};
  (void)state;
  const struct kg_config config = {0};
  for (size_t i = 0; i < COUNT(table); i++) {
    enum kg_status status;
    assert_null(endpoint(&config, table[i], &status));
    assert_int_equal(status, KG_E_CONFIG);
  }
}

static void configuration_wins(void **state) {
  char configured[] = "http://127.0.0.1:1";
  const struct kg_config config = {.metadata_endpoint = configured};
  (void)state;
  enum kg_status status;
  char *out = endpoint(&config, "http://other", &status);
  assert_int_equal(status, KG_OK);
  assert_string_equal(out, configured);
  free(out);
}

int main(void) {
#define CLEAN(path, function)                                                                                          \
  { path, function, clean, clean, NULL }
  const struct CMUnitTest tests[] = {
      CLEAN("/environment/kill_switch_takes_one_and_true_alone", kill_switch_takes_one_and_true_alone),
      CLEAN("/environment/other_sources_are_refused_by_name", other_sources_are_refused_by_name),
      CLEAN("/environment/incomplete_sources_are_none", incomplete_sources_are_none),
      CLEAN("/environment/authority_host_is_reduced_to_its_origin", authority_host_is_reduced_to_its_origin),
      CLEAN("/environment/hostile_authority_hosts_are_refused", hostile_authority_hosts_are_refused),
      CLEAN("/environment/configuration_wins", configuration_wins)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
