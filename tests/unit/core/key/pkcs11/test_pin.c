/* PINs of backing tokens: where they may come from, and that a wrong one is tried once. SoftHSM2 never locks, so the
 * fake library counts what it refuses. */
#include "judged_token.h"
#include "tests/support/open_key.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRONG "SECRET-wrong"

static int refused_logins(struct token *token) {
  return atomic_load(&token->fake->refused_logins);
}

/* A URI with `query` behind module-path. */
static char *uri_with(const char *query) {
  char *uri = malloc(1024);
  assert_non_null(uri);
  snprintf(uri, 1024, "pkcs11:token=t;object=web?module-path=%s%s", KG_FAKE_TOKEN, query);
  return uri;
}

static char *uri_with_file(struct token *token, const char *text, unsigned mode) {
  char *path = kg_softhsm_write(token->softhsm, "my.pin", text, mode), query[512];
  snprintf(query, sizeof query, "&pin-source=file:%s", path);
  free(path);
  return uri_with(query);
}

static void expect(const char *uri, enum kg_status expected, const char *because) {
  struct kg_error error;
  enum kg_status status = token_try(uri, KG_KEY_CREATE, &error);
  if (status != expected) fail_msg("%s: %s", kg_status_name(status), error.text);
  if (because != NULL && strstr(error.text, because) == NULL) fail_msg("%s", error.text);
  assert_null(strstr(error.text, "SECRET"));
  assert_null(strstr(error.text, KG_SOFTHSM_PIN));
}

static void a_line_end_is_not_part_of_the_pin(void **state) {
  static const char *const texts[] = {KG_SOFTHSM_PIN, KG_SOFTHSM_PIN "\n", KG_SOFTHSM_PIN "\r\n"};
  for (size_t i = 0; i < COUNT(texts); i++) {
    char *uri = uri_with_file(*state, texts[i], 0600);
    expect(uri, KG_OK, NULL);
    free(uri);
  }
  char *uri = uri_with_file(*state, KG_SOFTHSM_PIN "\n\n", 0600);
  expect(uri, KG_E_KEY_PIN, "C_Login: CKR_PIN_INCORRECT");
  free(uri);
}

static void a_pin_file_that_others_may_touch_is_not_read(void **state) {
  static const unsigned modes[] = {0644, 0640, 0604, 0620, 0602, 0666};
  for (size_t i = 0; i < COUNT(modes); i++) {
    char *uri = uri_with_file(*state, KG_SOFTHSM_PIN, modes[i]);
    expect(uri, KG_E_UNTRUSTED, "my.pin");
    free(uri);
  }
  assert_int_equal(atomic_load(&((struct token *)*state)->fake->logins), 0);
}

static void a_missing_pin_is_an_error_about_the_pin(void **state) {
  struct token *token = *state;
  char *none = uri_with(""), *absent = uri_with("&pin-source=/nowhere/at/all");
  expect(none, KG_E_KEY_PIN, "no pin-source");
  expect(absent, KG_E_KEY_PIN, "/nowhere/at/all");
  assert_int_equal(refused_logins(token), 0);
  free(none);
  free(absent);
}

static void a_wrong_pin_is_tried_once_for_each_change_of_its_file(void **state) {
  struct token *token = *state;
  char *uri = uri_with_file(token, WRONG, 0600);
  expect(uri, KG_E_KEY_PIN, "C_Login: CKR_PIN_INCORRECT");
  for (int i = 0; i < 5; i++)
    expect(uri, KG_E_KEY_PIN, "not tried again until the pin-source file changes");
  assert_int_equal(refused_logins(token), 1);
  free(uri);
  uri = uri_with_file(token, WRONG "-too", 0600);
  for (int i = 0; i < 5; i++)
    expect(uri, KG_E_KEY_PIN, NULL);
  assert_int_equal(refused_logins(token), 2);
  free(uri);
  uri = uri_with_file(token, KG_SOFTHSM_PIN, 0600);
  expect(uri, KG_OK, NULL);
  assert_int_equal(refused_logins(token), 2);
  free(uri);
}

static void a_wrong_pin_value_is_tried_once(void **state) {
  struct token *token = *state;
  char *wrong = uri_with("&pin-value=" WRONG), *other = uri_with("&pin-value=" WRONG "2"),
       *right = uri_with("&pin-value=" KG_SOFTHSM_PIN);
  expect(wrong, KG_E_KEY_PIN, "CKR_PIN_INCORRECT");
  for (int i = 0; i < 5; i++)
    expect(wrong, KG_E_KEY_PIN, "until the configuration changes");
  assert_int_equal(refused_logins(token), 1);
  expect(other, KG_E_KEY_PIN, "CKR_PIN_INCORRECT");
  assert_int_equal(refused_logins(token), 2);
  expect(right, KG_OK, NULL);
  free(wrong);
  free(other);
  free(right);
}

static void *open_wrong(void *uri) {
  struct kg_key *key = NULL;
  for (int i = 0; i < 4; i++)
    if (open_key_of(uri, 0, &key, NULL) != KG_E_KEY_PIN) return uri;
  return NULL;
}

static void many_threads_try_a_wrong_pin_once(void **state) {
  struct token *token = *state;
  char *uri = uri_with_file(token, WRONG, 0600);
  run_threads(8, open_wrong, uri);
  assert_int_equal(refused_logins(token), 1);
  free(uri);
}

static void a_child_does_not_try_it_again(void **state) {
  struct token *token = *state;
  char *uri = uri_with_file(token, WRONG, 0600);
  expect(uri, KG_E_KEY_PIN, "CKR_PIN_INCORRECT");
  pid_t child = fork();
  struct kg_key *key = NULL;
  if (child == 0) {
    enum kg_status answer = open_key_of(uri, 0, &key, NULL);
    _exit(answer == KG_E_KEY_PIN ? refused_logins(token) : 100);
  }
  int status = -1;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  assert_int_equal(WEXITSTATUS(status), 1);
  free(uri);
}

static void a_token_near_or_past_locking_is_not_tried(void **state) {
  struct token *token = *state;
  char *uri = uri_with_file(token, KG_SOFTHSM_PIN, 0600);
  atomic_store(&token->fake->token_flags, CKF_USER_PIN_FINAL_TRY);
  expect(uri, KG_E_KEY_PIN, "one more wrong PIN");
  atomic_store(&token->fake->token_flags, CKF_USER_PIN_LOCKED);
  expect(uri, KG_E_KEY_PIN, "locked");
  assert_int_equal(atomic_load(&token->fake->logins), 0);
  atomic_store(&token->fake->token_flags, 0);
  expect(uri, KG_OK, NULL);
  free(uri);
}

/* SoftHSM2 while another process writes the token; a token that stays so is refused in the end. */
static void a_token_without_a_pin_is_looked_at_again(void **state) {
  struct token *token = *state;
  char *uri = uri_with("&pin-value=" KG_SOFTHSM_PIN);
  atomic_store(&token->fake->pinless, 1000);
  expect(uri, KG_E_KEY_PIN, "C_Login: CKR_USER_PIN_NOT_INITIALIZED");
  assert_in_range(atomic_load(&token->fake->pinless), 900, 998);
  atomic_store(&token->fake->pinless, 2);
  expect(uri, KG_OK, NULL);
  assert_int_equal(atomic_load(&token->fake->pinless), 0);
  assert_int_equal(refused_logins(token), 0);
  free(uri);
}

/* The host is logged in already: the PIN is not even read. */
static void the_hosts_login_is_used(void **state) {
  struct token *token = *state;
  char *uri = uri_with("");
  struct application application;
  token_enter(token, "t", &application);
  application_generate(&application, "web", 2048, NULL, 0);
  int logins = atomic_load(&token->fake->logins);
  expect(uri, KG_OK, NULL);
  assert_int_equal(atomic_load(&token->fake->logins), logins);
  token_leave(&application);
  free(uri);
}

/* The PIN is needed once for all sessions of the token. */
static void one_login_serves_all_keys_and_sessions(void **state) {
  struct token *token = *state;
  struct kg_key *a = token_open_object(token, "a"), *b = token_open_object(token, "b");
  kg_key_close(&a);
  kg_key_close(&b);
  atomic_store(&token->fake->logins, 0);
  a = token_open_object(token, "a");
  b = token_open_object(token, "b");
  token_sign(a, 1);
  token_sign(b, 1);
  token_sign(a, 2);
  assert_int_equal(atomic_load(&token->fake->logins), 1);
  kg_key_close(&a);
  kg_key_close(&b);
}

/* The host logs us out under our feet: log in again, sign on. */
static void a_logout_by_the_host_is_repaired(void **state) {
  struct token *token = *state;
  struct kg_key *key = token_open_object(token, "web");
  token_sign(key, 1);
  struct application application;
  token_enter(token, "t", &application);
  assert_int_equal(application.f->C_Logout(application.session), CKR_OK);
  token_sign(key, 2);
  token_sign(key, 3);
  token_leave(&application);
  token_sign(key, 4);
  kg_key_close(&key);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      TOKEN_CASE("/pin/a_line_end_is_not_part_of_the_pin", a_line_end_is_not_part_of_the_pin),
      TOKEN_CASE("/pin/a_pin_file_that_others_may_touch_is_not_read", a_pin_file_that_others_may_touch_is_not_read),
      TOKEN_CASE("/pin/a_missing_pin_is_an_error_about_the_pin", a_missing_pin_is_an_error_about_the_pin),
      TOKEN_CASE("/pin/a_wrong_pin_is_tried_once_for_each_change_of_its_file",
                 a_wrong_pin_is_tried_once_for_each_change_of_its_file),
      TOKEN_CASE("/pin/a_wrong_pin_value_is_tried_once", a_wrong_pin_value_is_tried_once),
      TOKEN_CASE("/pin/many_threads_try_a_wrong_pin_once", many_threads_try_a_wrong_pin_once),
      TOKEN_CASE("/pin/a_child_does_not_try_it_again", a_child_does_not_try_it_again),
      TOKEN_CASE("/pin/a_token_near_or_past_locking_is_not_tried", a_token_near_or_past_locking_is_not_tried),
      TOKEN_CASE("/pin/a_token_without_a_pin_is_looked_at_again", a_token_without_a_pin_is_looked_at_again),
      TOKEN_CASE("/pin/the_hosts_login_is_used", the_hosts_login_is_used),
      TOKEN_CASE("/pin/one_login_serves_all_keys_and_sessions", one_login_serves_all_keys_and_sessions),
      TOKEN_CASE("/pin/a_logout_by_the_host_is_repaired", a_logout_by_the_host_is_repaired),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
