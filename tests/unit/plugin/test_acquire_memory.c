/* Every allocation of one acquisition fails once, ours and libcurl's: each time there is a good credential or none and
 * an error that says something, and nothing leaks (which the address sanitizer watches). */
#include "fake_attestation.h"
#include "plugin/acquire.h"
#include "plugin/issued_credential.h"
#include "support_service.h"
#include "tests/support/failing_malloc.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *wrap_strdup(const char *text) {
  char *copy = __wrap_malloc(strlen(text) + 1);
  return copy != NULL ? strcpy(copy, text) : NULL;
}

/* The host's log grows by allocations that are not under test. */
static void ignore_log(void *context, int level, const char *line) {
  (void)context, (void)level, (void)line;
}

static void fail_each(int attestation) {
  struct support_host host;
  struct support_service service;
  int failing = 0, survived = 0;
  bool failed;
  do {
    struct kg_plugin_error error = {.size = sizeof error};
    support_service_start(&service, &host);
    host.host.log = ignore_log;
    host.request.attestation = host.request.drop_attestation = attestation;
    host.request.attestation_library = FAKE_ATTESTATION;
    service.attestation_endpoint = "https://memory.attest.azure.net";
    failing_malloc_start(failing++);
    struct kg_plugin_credential *credential = NULL;
    int rc = kg_imds_acquire(&host.request, &credential, &error);
    failed = failing_malloc_stop();
    if (rc == 0) {
      assert_string_equal(credential->client_id, SUPPORT_CLIENT);
      assert_non_null(credential->certificate.data);
      survived++;
    } else {
      assert_true(failed);
      assert_null(credential);
      assert_int_not_equal(strlen(error.text), 0);
      assert_int_not_equal(strlen(error.sub_code), 0);
    }
    kg_issued_credential_release(credential);
    support_service_stop(&service, &host);
  } while (failed);
  print_message("%d allocations, %d of them not needed\n", failing - 1, survived - 1);
  assert_in_range(failing, 50, 5000);
}

static void every_allocation_fails_once(void **state) {
  (void)state;
  fail_each(0);
}

static void every_allocation_fails_once_with_attestation(void **state) {
  void *library = dlopen(FAKE_ATTESTATION, RTLD_NOW | RTLD_LOCAL);
  struct fake_attestation *fake = library != NULL ? dlsym(library, "fake_attestation") : NULL;
  (void)state;
  assert_non_null(fake);
  fake->token = "eyJhbGciOiJub25lIn0.eyJleHAiOjQxMDI0NDQ4MDB9.c2ln"; /* until 2100 */
  fail_each(1);
  assert_int_equal(fake->calls, fake->frees);
  assert_false(fake->freed_something_else);
}

int main(void) {
  curl_global_init_mem(CURL_GLOBAL_DEFAULT, __wrap_malloc, free, __wrap_realloc, wrap_strdup, __wrap_calloc);
  const struct CMUnitTest tests[] = {
      {"/acquire_memory/every_allocation_fails_once", every_allocation_fails_once, NULL, NULL, NULL},
      {"/acquire_memory/every_allocation_fails_once_with_attestation", every_allocation_fails_once_with_attestation,
       NULL, NULL, NULL},
  };
  return cmocka_run_group_tests_name("acquire_memory", tests, NULL, NULL);
}
