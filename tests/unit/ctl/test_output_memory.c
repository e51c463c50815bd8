/* Every allocation of an error's report fails once: it is whole, or it is said that there was no memory for it. */
#include "ctl/output.h"
#include "ctl/secret_memory.h"
#include "tests/support/failing_malloc.h"

#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

static void check_report(const char *out) {
  cJSON *object = cJSON_Parse(out), *inner = cJSON_GetObjectItem(object, "error");
  assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(inner, "code")), "MSI_V2_ERROR");
  assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(inner, "text")), "token service: HTTP 401");
  assert_int_equal(cJSON_GetNumberValue(cJSON_GetObjectItem(inner, "exit_code")), 8);
  cJSON_Delete(object);
}

/* The n-th allocation fails; false: there were fewer. */
static bool report(int n) {
  char out[1024] = "", err[1024] = "";
  struct kg_run run = {.out = fmemopen(out, sizeof out, "w"), .err = fmemopen(err, sizeof err, "w"), .json = true};
  struct kg_error error = {0};
  (void)kg_error_set(&error, KG_E_TOKEN_REJECTED, "token service: HTTP 401");
  kg_secret_memory_install_json();
  failing_malloc_start(n);
  int exit_code = kg_output_error(&run, &error);
  bool failed = failing_malloc_stop();
  fclose(run.out);
  fclose(run.err);
  if (out[0] != '\0') check_report(out);
  assert_int_equal(exit_code, kg_status_exit_code(failed ? KG_E_NO_MEMORY : KG_E_TOKEN_REJECTED));
  assert_string_equal(err, failed ? "keyguardctl: out of memory\n" : "");
  return failed;
}

static void errors_are_reported_whole_or_not_at_all(void **state) {
  int n = 0;
  (void)state;
  while (report(n))
    n++;
  assert_in_range(n, 10, 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE("/output_memory/errors_are_reported_whole_or_not_at_all", errors_are_reported_whole_or_not_at_all)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
