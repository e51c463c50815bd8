/* PINs of backing tokens: where they may come from, and that a wrong one is tried once. SoftHSM2 never locks, so the
 * fake library counts what it refuses. */
#include "core/key/pin_memory.h"
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
  static const unsigned modes[] = {0644, 0444, 0604, 0620, 0660, 0602, 0666};
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

/* From here on: what other processes know. The folder of the tokens is the state folder, too. */

static char *configuration(struct token *token) {
  return kg_softhsm_write(token->softhsm, "keyguard.conf", "[keyguard]\n", 0600);
}

static void remember_in(struct token *token, bool may_write) {
  char *path = configuration(token);
  assert_int_equal(kg_pin_memory_use(token->softhsm->folder, path, may_write), KG_OK);
  free(path);
}

static int forget(void **state) {
  assert_int_equal(kg_pin_memory_use(NULL, NULL, false), KG_OK);
  return token_teardown(state);
}

/* In a process of its own: how many wrong PINs it tried. 100: it found no fault with the PIN. */
static pid_t start_process(struct token *token, const char *uri) {
  pid_t child = fork();
  if (child != 0) return child;
  struct kg_key *key = NULL;
  enum kg_status status = open_key_of(uri, KG_KEY_CREATE, &key, NULL);
  _exit(status == KG_E_KEY_PIN ? refused_logins(token) : status == KG_OK ? 100 : 101);
}

static int result_of(pid_t child) {
  int status = -1;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static int in_process(struct token *token, const char *uri) {
  return result_of(start_process(token, uri));
}

static void many_processes_try_a_wrong_pin_once(void **state) {
  struct token *token = *state;
  char *uri = uri_with_file(token, WRONG, 0600);
  remember_in(token, true);
  pid_t children[8];
  for (size_t i = 0; i < COUNT(children); i++)
    children[i] = start_process(token, uri);
  int tried = 0;
  for (size_t i = 0; i < COUNT(children); i++)
    tried += result_of(children[i]);
  assert_int_equal(tried, 1);
  expect(uri, KG_E_KEY_PIN, "or touch it to have it tried as it is");
  assert_int_equal(refused_logins(token), 0);
  free(uri);
  uri = uri_with_file(token, WRONG "-too", 0600); /* as a person does who believes to know better */
  assert_int_equal(in_process(token, uri), 1);
  assert_int_equal(in_process(token, uri), 0);
  free(uri);
  uri = uri_with_file(token, KG_SOFTHSM_PIN, 0600);
  assert_int_equal(in_process(token, uri), 100);
  free(uri);
}

static void a_wrong_pin_value_is_tried_once_for_each_change_of_the_configuration(void **state) {
  struct token *token = *state;
  char *uri = uri_with("&pin-value=" WRONG), *right = uri_with("&pin-value=" KG_SOFTHSM_PIN);
  remember_in(token, true);
  assert_int_equal(in_process(token, uri), 1);
  assert_int_equal(in_process(token, uri), 0);
  free(configuration(token)); /* written anew */
  assert_int_equal(in_process(token, uri), 1);
  free(configuration(token));
  assert_int_equal(in_process(token, right), 100);
  free(uri);
  free(right);
}

static void nothing_of_a_pin_is_written_down(void **state) {
  struct token *token = *state;
  char *uri = uri_with("&pin-value=" WRONG);
  remember_in(token, true);
  assert_int_equal(in_process(token, uri), 1);
  char command[512];
  snprintf(command, sizeof command,
           "set -- '%s'/.pin.*; grep -q '^keyguard-pin 1 refused' \"$1\" && ! grep -q %s \"$@\"",
           token->softhsm->folder, WRONG);
  assert_int_equal(system(command), 0);
  free(uri);
}

/* The module: it honours what keyguardctl wrote, and writes nothing. */
static void a_reader_honours_what_others_wrote(void **state) {
  struct token *token = *state;
  char *uri = uri_with_file(token, WRONG, 0600);
  remember_in(token, true);
  assert_int_equal(in_process(token, uri), 1);
  assert_int_equal(kg_pin_memory_use(token->softhsm->folder, NULL, false), KG_OK);
  assert_int_equal(in_process(token, uri), 0);
  free(uri);
  uri = uri_with_file(token, WRONG "-too", 0600);
  assert_int_equal(in_process(token, uri), 0); /* it could not write down what comes of it, and the count is low */
  free(uri);
}

/* A service whose PIN is wrong, and which starts again and again: the token itself says that somebody tried. */
static void a_reader_tries_a_wrong_pin_once(void **state) {
  struct token *token = *state;
  char *uri = uri_with_file(token, WRONG, 0600);
  remember_in(token, false);
  assert_int_equal(in_process(token, uri), 1);
  assert_int_equal(in_process(token, uri), 0);
  assert_int_equal(in_process(token, uri), 0);
  free(uri);
}

static void a_reader_does_not_add_to_a_low_count(void **state) {
  struct token *token = *state;
  char *uri = uri_with_file(token, KG_SOFTHSM_PIN, 0600);
  remember_in(token, false);
  atomic_store(&token->fake->token_flags, CKF_USER_PIN_COUNT_LOW);
  assert_int_equal(in_process(token, uri), 0); /* never seen to work */
  remember_in(token, true);
  assert_int_equal(in_process(token, uri), 100); /* whoever can write down what comes of it may try */
  remember_in(token, false);
  assert_int_equal(in_process(token, uri), 100); /* somebody else mistyped: this one is known to be good */
  free(uri);
  uri = uri_with_file(token, WRONG, 0600);
  assert_int_equal(in_process(token, uri), 0);
  free(uri);
}

#define MEMORY_CASE(path, function)                                                                                    \
  { path, function, token_setup, forget, NULL }

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
      MEMORY_CASE("/pin/many_processes_try_a_wrong_pin_once", many_processes_try_a_wrong_pin_once),
      MEMORY_CASE("/pin/a_wrong_pin_value_is_tried_once_for_each_change_of_the_configuration",
                  a_wrong_pin_value_is_tried_once_for_each_change_of_the_configuration),
      MEMORY_CASE("/pin/nothing_of_a_pin_is_written_down", nothing_of_a_pin_is_written_down),
      MEMORY_CASE("/pin/a_reader_honours_what_others_wrote", a_reader_honours_what_others_wrote),
      MEMORY_CASE("/pin/a_reader_tries_a_wrong_pin_once", a_reader_tries_a_wrong_pin_once),
      MEMORY_CASE("/pin/a_reader_does_not_add_to_a_low_count", a_reader_does_not_add_to_a_low_count),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
