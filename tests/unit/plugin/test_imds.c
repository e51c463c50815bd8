/* The built plugin, loaded as keyguardctl loads it, against a metadata service. */
#include "support_service.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct kg_credential_plugin *plugin;
static struct support_host host;
static struct support_service service;

static int set_up(void **state) {
  (void)state;
  support_service_start(&service, &host);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  support_service_stop(&service, &host);
  return 0;
}

static void happy_path(void **state) {
  struct kg_plugin_credential *credential = NULL;
  struct kg_plugin_error error = {.size = sizeof error};
  int rc = plugin->acquire(&host.request, &credential, &error);

  (void)state;
  if (rc) print_error("%s\n", error.text);
  assert_int_equal(rc, 0);
  assert_string_equal(credential->client_id, SUPPORT_CLIENT);
  assert_string_equal(credential->tenant_id, SUPPORT_TENANT);
  assert_string_equal(credential->token_endpoint,
                      "https://eastus.mtlsauth.microsoft.com/" SUPPORT_TENANT "/oauth2/v2.0/token");
  plugin->release_credential(credential);
  assert_int_equal(support_server_requests(service.server), 2);
}

static int load(void **state) {
  kg_credential_plugin_function *entry;
  void *handle, *symbol;

  (void)state;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  handle = dlopen(IMDS_PATH, RTLD_NOW | RTLD_LOCAL);
  if (!handle) return print_error("%s\n", dlerror()), -1;
  symbol = dlsym(handle, "keyguard_credential_plugin");
  memcpy(&entry, &symbol, sizeof entry);
  plugin = entry(KG_CREDENTIAL_PLUGIN_VERSION);
  return plugin ? 0 : -1;
}

int main(void) {
  const struct CMUnitTest tests[] = {
      {"/imds/happy_path", happy_path, set_up, tear_down, NULL},
  };

  return cmocka_run_group_tests_name("imds", tests, load, NULL);
}
