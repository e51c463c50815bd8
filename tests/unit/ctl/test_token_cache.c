/* Tokens that are kept: for whom, for how long, and that nothing about another certificate is ever answered. */
#include "ctl/token_cache.h"

#include "core/base/encoding.h"
#include "core/base/log.h"
#include "core/base/strength.h"
#include "tests/support/scratch.h"
#include "tests/support/unit.h"
#include "tests/unit/core/state/binding_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW (FIXTURE_NOT_BEFORE + 1000)
#define HOUR 3600

static struct kg_config config;
static struct kg_identity identity;
static struct kg_token_request request;
static struct kg_binding *binding;

static int set_up(void **state) {
  static unsigned number;
  (void)state;
  char name[32];
  snprintf(name, sizeof name, "state%u", number++);
  binding = fixture_binding();
  identity = fixture_identity(binding);
  request = (struct kg_token_request){.scope = "https://vault.azure.net/.default"};
  config = (struct kg_config){.state_dir = kg_strdup(scratch_mkdir(name, 0755)), .token_cache = true};
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  kg_binding_free(&binding);
  free(config.state_dir);
  return 0;
}

static struct kg_token_cache_key key(void) {
  return (struct kg_token_cache_key){&config, &identity, binding, &request};
}

/* A JWT bound to the binding's certificate. */
static struct kg_token make_token(int64_t expires_in, int64_t refresh_in) {
  char *thumbprint = kg_base64url_format(kg_span_of(binding->sha256, sizeof binding->sha256));
  struct kg_token token = {.expires_in = expires_in, .refresh_in = refresh_in};
  char claims[128];
  snprintf(claims, sizeof claims, "{\"cnf\":{\"x5t#S256\":\"%s\"}}", thumbprint);
  char *payload = kg_base64url_format(kg_span_text(claims));
  char text[512];
  snprintf(text, sizeof text, "eyJhbGciOiJSUzI1NiJ9.%s.c2lnbmF0dXJl", payload);
  assert_int_equal(kg_buf_set(&token.access_token, kg_span_text(text)), KG_OK);
  free(payload);
  free(thumbprint);
  return token;
}

static void put(int64_t expires_in, int64_t refresh_in) {
  struct kg_token_cache_key at = key();
  struct kg_token token = make_token(expires_in, refresh_in);
  kg_token_cache_put(&at, NOW, &token);
  kg_token_clear(&token);
}

static bool has(int64_t now) {
  struct kg_token_cache_key at = key();
  struct kg_token token;
  bool refresh_due, found = kg_token_cache_get(&at, now, &token, &refresh_due);
  if (!found) assert_null(token.access_token.data);
  kg_token_clear(&token);
  return found;
}

static const char *folder(void) {
  static char path[512];
  snprintf(path, sizeof path, "%s/tokens", config.state_dir);
  return path;
}

static const char *file(void) { /* the only one there */
  static char path[1024];
  char command[600];
  snprintf(command, sizeof command, "ls -d %s/*", folder());
  FILE *list = popen(command, "r");
  assert_non_null(list);
  assert_non_null(fgets(path, sizeof path, list));
  path[strcspn(path, "\n")] = 0;
  pclose(list);
  return path;
}

static void what_was_bought_is_found_until_five_minutes_before_its_end(void **state) {
  struct kg_token_cache_key at = key();
  struct kg_token bought = make_token(HOUR, 0);
  (void)state;
  assert_false(has(NOW));
  kg_token_cache_put(&at, NOW, &bought);
  bool refresh_due = true;
  struct kg_token token;
  assert_true(kg_token_cache_get(&at, NOW + 100, &token, &refresh_due));
  assert_string_equal((char *)token.access_token.data, (char *)bought.access_token.data);
  assert_int_equal(token.expires_in, HOUR - 100);
  assert_int_equal(token.refresh_in, 0);
  assert_false(refresh_due);
  kg_token_clear(&token);
  kg_token_clear(&bought);
  assert_true(has(NOW + HOUR - 301));
  assert_false(has(NOW + HOUR - 300));
  assert_false(has(NOW + HOUR - 240));
}

static void refresh_is_due_when_the_service_said(void **state) {
  struct kg_token_cache_key at = key();
  (void)state;
  put(HOUR, HOUR / 2);
  bool refresh_due;
  struct kg_token token;
  assert_true(kg_token_cache_get(&at, NOW + HOUR / 2 - 1, &token, &refresh_due));
  assert_false(refresh_due);
  assert_int_equal(token.refresh_in, 1);
  kg_token_clear(&token);
  assert_true(kg_token_cache_get(&at, NOW + HOUR / 2, &token, &refresh_due));
  assert_true(refresh_due);
  kg_token_clear(&token);
}

/* A token is not worth more than the certificate that it is bound to. */
static void certificate_ends_its_tokens(void **state) {
  (void)state;
  binding->token_not_after = NOW + HOUR / 2;
  put(HOUR, 0);
  assert_true(has(NOW + HOUR / 2 - 301));
  assert_false(has(NOW + HOUR / 2 - 300));
}

static void clock_that_went_back_finds_nothing(void **state) {
  (void)state;
  put(HOUR, 0);
  assert_true(has(NOW - 300));
  assert_false(has(NOW - 301));
}

/* Even for the same key: a renewal is another certificate (NET#6117). Its token takes the old one's place. */
static void renewed_certificate_is_another(void **state) {
  (void)state;
  put(HOUR, 0);
  binding->sha256[0] ^= 1;
  assert_false(has(NOW));
  put(HOUR, 0);
  assert_true(has(NOW));
  binding->sha256[0] ^= 1;
  assert_false(has(NOW));
  assert_int_equal(scratch_count(folder()), 1);
}

static void everything_it_was_bought_with_matters(void **state) {
  char *client = binding->client_id, other[] = "99999999-0000-0000-0000-000000000000";
  (void)state;
  put(HOUR, 0);
  identity.floor = KG_STRENGTH_HARDWARE;
  assert_false(has(NOW));
  identity.floor = KG_STRENGTH_SOFTWARE;
  assert_true(has(NOW));
  identity.attestation = !identity.attestation;
  assert_false(has(NOW));
  identity.attestation = !identity.attestation;
  request.scope = "https://vault.azure.net.evil/.default";
  assert_false(has(NOW));
  request.scope = "https://vault.azure.net/.default";
  request.type = KG_TOKEN_BEARER;
  assert_false(has(NOW));
  request.type = KG_TOKEN_MTLS_POP;
  binding->client_id = other;
  assert_false(has(NOW));
  binding->client_id = client;
  identity.name = other;
  assert_false(has(NOW));
  identity.name = binding->identity;
  assert_true(has(NOW));
}

static void nobody_else_may_read_it(void **state) {
  (void)state;
  put(HOUR, 0);
  struct stat found;
  assert_int_equal(stat(folder(), &found), 0);
  assert_int_equal(found.st_mode & 07777, 0700);
  assert_int_equal(stat(file(), &found), 0);
  assert_int_equal(found.st_mode & 07777, 0600);
}

/* What others may have read or written is not believed. */
static void file_with_a_wider_mode_is_ignored(void **state) {
  (void)state;
  put(HOUR, 0);
  assert_int_equal(chmod(file(), 0640), 0);
  assert_false(has(NOW));
  assert_int_equal(chmod(file(), 0600), 0);
  assert_true(has(NOW));
}

/* Its own contents may say anything: the token's claim is looked at again. */
static void token_of_another_certificate_under_our_thumbprint_is_refused(void **state) {
  (void)state;
  put(HOUR, 0);
  char *text = scratch_read(file()), *claim = strstr(text, "eyJjbmYi"); /* {"cnf" */
  assert_non_null(claim);
  claim[30] = claim[30] == 'A' ? 'B' : 'A';
  FILE *out = fopen(file(), "w");
  fputs(text, out);
  fclose(out);
  free(text);
  assert_false(has(NOW));
}

static void damaged_files_are_none(void **state) {
  (void)state;
  put(HOUR, 0);
  char path[1024];
  snprintf(path, sizeof path, "%s", file());
  char *text = scratch_read(path);
  size_t length = strlen(text);
  for (size_t cut = 0; cut + 2 < length; cut += 7) { /* without its last brace it is no object */
    FILE *out = fopen(path, "w");
    assert_int_equal(fwrite(text, 1, cut, out), cut);
    fclose(out);
    assert_false(has(NOW));
  }
  free(text);
}

/* As nobody, who may not write to the state folder. */
static int use_cache_as_nobody(const char *home) {
  if (home != NULL)
    setenv("HOME", home, 1);
  else
    unsetenv("HOME");
  unsetenv("XDG_CACHE_HOME");
  put(HOUR, 0);
  return has(NOW) ? 1 : 0;
}

static void user_without_the_state_folder_has_a_cache_at_home(void **state) {
  (void)state;
  if (geteuid() != 0) {
    print_message("only root can become nobody\n");
    skip();
  }
  const char *home = scratch_mkdir("home", 0755);
  put(HOUR, 0); /* root's own, which nobody else sees */
  assert_int_equal(chown(home, 65534, 65534), 0);
  assert_int_equal(scratch_as_nobody(use_cache_as_nobody, home), 1);
  struct stat found;
  assert_int_equal(stat(scratch_path("home/.cache/keyguard"), &found), 0);
  assert_int_equal(found.st_mode & 07777, 0700);
  assert_int_equal(found.st_uid, 65534);
  assert_int_equal(scratch_as_nobody(use_cache_as_nobody, NULL), 0); /* no home: nothing is kept, and nothing fails */
}

static void folder_that_others_may_enter_is_not_used(void **state) {
  (void)state;
  setenv("XDG_CACHE_HOME", scratch_mkdir("cache", 0700), 1);
  assert_int_equal(mkdir(folder(), 0755), 0);
  put(HOUR, 0);
  assert_true(has(NOW));
  assert_int_equal(scratch_count(folder()), 0);
  struct stat found;
  assert_int_equal(stat(scratch_path("cache/keyguard"), &found), 0);
  unsetenv("XDG_CACHE_HOME");
}

int main(void) {
#define CACHE(name)                                                                                                    \
  { "/token_cache/" #name, name, set_up, tear_down, NULL }
  const struct CMUnitTest tests[] = {CACHE(what_was_bought_is_found_until_five_minutes_before_its_end),
                                     CACHE(refresh_is_due_when_the_service_said),
                                     CACHE(certificate_ends_its_tokens),
                                     CACHE(clock_that_went_back_finds_nothing),
                                     CACHE(renewed_certificate_is_another),
                                     CACHE(everything_it_was_bought_with_matters),
                                     CACHE(nobody_else_may_read_it),
                                     CACHE(file_with_a_wider_mode_is_ignored),
                                     CACHE(token_of_another_certificate_under_our_thumbprint_is_refused),
                                     CACHE(damaged_files_are_none),
                                     CACHE(user_without_the_state_folder_has_a_cache_at_home),
                                     CACHE(folder_that_others_may_enter_is_not_used)};
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
