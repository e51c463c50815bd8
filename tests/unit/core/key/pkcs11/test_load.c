/* Which libraries are loaded, and what is left when one is not. */
#include "judged_token.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void expect(const char *uri, enum kg_status expected, const char *because) {
  struct kg_error error;
  enum kg_status status = token_try(uri, 0, &error);
  if (status != expected || strstr(error.text, because) == NULL)
    fail_msg("%s: %s: %s", uri, kg_status_name(status), error.text);
}

static void expect_library(const char *path, enum kg_status expected, const char *because) {
  char uri[1024];
  snprintf(uri, sizeof uri, "pkcs11:token=t;object=web?module-path=%s&pin-value=1234", path);
  expect(uri, expected, because);
}

/* After whatever went wrong. */
static void works(struct token *token) {
  struct kg_key *key = token_open_object(token, "web");
  token_sign(key, 1);
  kg_key_close(&key);
}

static void a_uri_must_name_a_library_and_a_key(void **state) {
  (void)state;
  expect("pkcs11:token=t;object=web", KG_E_USAGE, "module-path");
  expect("pkcs11:token=t;object=web?module-path=libsofthsm2.so", KG_E_USAGE, "absolute");
  expect("pkcs11:token=t;object=web?module-path=./x/libsofthsm2.so", KG_E_USAGE, "absolute");
  expect("pkcs11:token=t?module-path=" KG_FAKE_TOKEN, KG_E_USAGE, "object= or id=");
  expect("pkcs11:token=t;object=web?module-name=softhsm2", KG_E_USAGE, "module-name");
}

static void what_is_no_library_is_refused(void **state) {
  struct token *token = *state;
  char *text = kg_softhsm_write(token->softhsm, "text.so", "not a library\n", 0644), absent[512];
  snprintf(absent, sizeof absent, "%s/absent.so", token->softhsm->folder);
  char folder[512];
  snprintf(folder, sizeof folder, "%s", token->softhsm->folder);
  expect_library(absent, KG_E_KEY_STORE, "absent.so");
  expect_library(folder, KG_E_KEY_STORE, folder);
  expect_library(text, KG_E_KEY_STORE, "text.so");
  works(token);
  free(text);
}

/* Any library without our entry point: the C library's own mathematics. */
static void a_library_without_the_entry_point_is_refused(void **state) {
  static const char *const paths[] = {"/lib/x86_64-linux-gnu/libm.so.6", "/lib/aarch64-linux-gnu/libm.so.6",
                                      "/lib64/libm.so.6", "/usr/lib/libm.so.6"};
  for (size_t i = 0; i < COUNT(paths); i++) {
    if (access(paths[i], R_OK) != 0) continue;
    expect_library(paths[i], KG_E_KEY_STORE, "no C_GetFunctionList");
    works(*state);
    return;
  }
  fail_msg("no libm found: name its path here");
}

static void a_library_that_others_may_write_is_refused(void **state) {
  struct token *token = *state;
  char library[512];
  snprintf(library, sizeof library, "%s/copy.so", token->softhsm->folder);
  char command[1200];
  snprintf(command, sizeof command, "cp '%s' '%s'", KG_FAKE_TOKEN, library);
  assert_int_equal(system(command), 0);
  static const mode_t modes[] = {0666, 0775, 0757, 0622};
  for (size_t i = 0; i < COUNT(modes); i++) {
    assert_int_equal(chmod(library, modes[i]), 0);
    expect_library(library, KG_E_UNTRUSTED, "copy.so");
  }
  assert_int_equal(chmod(library, 0644), 0);
  assert_int_equal(chmod(token->softhsm->folder, 0777), 0);
  expect_library(library, KG_E_UNTRUSTED, token->softhsm->folder);
  assert_int_equal(chmod(token->softhsm->folder, 0700), 0);
  works(token);
}

/* By what a library says of itself: our own module seen from another program, and p11-kit's proxy. */
static void ourselves_and_the_proxy_are_refused_by_name(void **state) {
  struct token *token = *state;
  atomic_store(&token->fake->manufacturer, "keyguard-pkcs11");
  expect_library(KG_FAKE_TOKEN, KG_E_CONFIG, "this module itself");
  atomic_store(&token->fake->manufacturer, "PKCS#11 Kit");
  atomic_store(&token->fake->description, "PKCS#11 Kit Proxy Module");
  expect_library(KG_FAKE_TOKEN, KG_E_CONFIG, "p11-kit's proxy");
  /* What was initialised only to ask is finalised again. */
  assert_int_equal(atomic_load(&token->fake->initialized), 2);
  assert_int_equal(atomic_load(&token->fake->finalized), 2);
  atomic_store(&token->fake->manufacturer, NULL);
  atomic_store(&token->fake->description, NULL);
  works(token);
}

/* p11-kit-client.so speaks for the server behind its socket, which calls itself a proxy: no way back to us. */
static void the_client_of_a_p11_kit_server_may_call_itself_a_proxy(void **state) {
  struct token *token = *state;
  char client[512], command[1200];
  snprintf(client, sizeof client, "%s/p11-kit-client.so", token->softhsm->folder);
  snprintf(command, sizeof command, "cp '%s' '%s' && chmod 644 '%s'", KG_FAKE_TOKEN, client, client);
  assert_int_equal(system(command), 0);
  void *library = dlopen(client, RTLD_NOW | RTLD_LOCAL);
  assert_non_null(library);
  struct fake_token *fake = dlsym(library, "fake_token");
  assert_non_null(fake);
  atomic_store(&fake->manufacturer, "PKCS#11 Kit");
  atomic_store(&fake->description, "PKCS#11 Kit Proxy Module");
  char *uri = kg_softhsm_uri(token->softhsm, client, "t", "web");
  struct kg_key *key = token_open(uri);
  token_sign(key, 1);
  kg_key_close(&key);
  atomic_store(&fake->manufacturer, "keyguard-pkcs11");
  expect(uri, KG_E_CONFIG, "this module itself");
  free(uri);
  dlclose(library);
}

/* A server may offer our own tokens, beside one that holds the key, or alone. */
static void a_token_of_ours_holds_no_key(void **state) {
  struct token *token = *state;
  works(token);
  atomic_store(&token->fake->token_manufacturer, "keyguard-pkcs11");
  struct kg_error error;
  char *uri = token_uri(token, "web");
  assert_int_equal(token_try(uri, KG_KEY_CREATE, &error), KG_E_CONFIG);
  assert_non_null(strstr(error.text, "one of this module itself"));
  free(uri);
  atomic_store(&token->fake->token_manufacturer, NULL);
  works(token);
}

#if defined(KG_MODULE)
/* From keyguardctl's side: this program is not the module, so only what the module says of itself tells. */
static void the_real_module_is_refused(void **state) {
  expect_library(KG_MODULE, KG_E_CONFIG, "this module itself");
  works(*state);
}
#endif

static void the_real_proxy_is_refused(void **state) {
  static const char *const paths[] = {"/usr/lib/x86_64-linux-gnu/p11-kit-proxy.so",
                                      "/usr/lib/aarch64-linux-gnu/p11-kit-proxy.so", "/usr/lib64/p11-kit-proxy.so",
                                      "/usr/lib/p11-kit-proxy.so"};
  for (size_t i = 0; i < COUNT(paths); i++) {
    if (access(paths[i], R_OK) != 0) continue;
    expect_library(paths[i], KG_E_CONFIG, "p11-kit's proxy");
    works(*state);
    return;
  }
  fail_msg("p11-kit-proxy.so not found: name its path here");
}

/* A link to a library is the library; two names of it share one initialisation. */
static void two_names_of_a_library_are_one(void **state) {
  struct token *token = *state;
  char link[512];
  snprintf(link, sizeof link, "%s/link.so", token->softhsm->folder);
  assert_int_equal(symlink(KG_FAKE_TOKEN, link), 0);
  char *uri = kg_softhsm_uri(token->softhsm, link, "t", "web");
  struct kg_key *a = token_open(uri), *b = token_open_object(token, "web");
  token_sign(a, 1);
  token_sign(b, 1);
  assert_int_equal(atomic_load(&token->fake->initialized), 1);
  kg_key_close(&a);
  assert_int_equal(atomic_load(&token->fake->finalized), 0);
  kg_key_close(&b);
  assert_int_equal(atomic_load(&token->fake->finalized), 1);
  free(uri);
}

static void a_library_that_cannot_start_leaves_nothing(void **state) {
  static const CK_RV failures[] = {CKR_GENERAL_ERROR, CKR_CANT_LOCK, CKR_NEED_TO_CREATE_THREADS, CKR_HOST_MEMORY,
                                   CKR_ARGUMENTS_BAD};
  struct token *token = *state;
  for (size_t i = 0; i < COUNT(failures); i++) {
    atomic_store(&token->fake->fail_initialize, failures[i]);
    expect_library(KG_FAKE_TOKEN, failures[i] == CKR_HOST_MEMORY ? KG_E_NO_MEMORY : KG_E_KEY_STORE,
                   "C_Initialize: CKR_");
    atomic_store(&token->fake->fail_initialize, CKR_OK);
    works(token);
    assert_int_equal(atomic_load(&token->fake->initialized), atomic_load(&token->fake->finalized));
  }
}

static void a_function_list_with_holes_is_refused(void **state) {
  struct token *token = *state;
  atomic_store(&token->fake->incomplete_list, true);
  expect_library(KG_FAKE_TOKEN, KG_E_KEY_STORE, "incomplete");
  atomic_store(&token->fake->incomplete_list, false);
  works(token);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
    TOKEN_CASE("/load/a_uri_must_name_a_library_and_a_key", a_uri_must_name_a_library_and_a_key),
    TOKEN_CASE("/load/what_is_no_library_is_refused", what_is_no_library_is_refused),
    TOKEN_CASE("/load/a_library_without_the_entry_point_is_refused", a_library_without_the_entry_point_is_refused),
    TOKEN_CASE("/load/a_library_that_others_may_write_is_refused", a_library_that_others_may_write_is_refused),
    TOKEN_CASE("/load/ourselves_and_the_proxy_are_refused_by_name", ourselves_and_the_proxy_are_refused_by_name),
    TOKEN_CASE("/load/the_client_of_a_p11_kit_server_may_call_itself_a_proxy",
               the_client_of_a_p11_kit_server_may_call_itself_a_proxy),
    TOKEN_CASE("/load/a_token_of_ours_holds_no_key", a_token_of_ours_holds_no_key),
#if defined(KG_MODULE)
    TOKEN_CASE("/load/the_real_module_is_refused", the_real_module_is_refused),
#endif
    TOKEN_CASE("/load/the_real_proxy_is_refused", the_real_proxy_is_refused),
    TOKEN_CASE("/load/two_names_of_a_library_are_one", two_names_of_a_library_are_one),
    TOKEN_CASE("/load/a_library_that_cannot_start_leaves_nothing", a_library_that_cannot_start_leaves_nothing),
    TOKEN_CASE("/load/a_function_list_with_holes_is_refused", a_function_list_with_holes_is_refused),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
