#include "pkcs11/login.h"

#include "tests/support/unit.h"

#include <pthread.h>

static void states_follow_sessions_and_kind(void **state) {
  (void)state;
  struct kg_login login;
  kg_login_init(&login);
  kg_login_session_opened(&login, false);
  assert_int_equal(kg_login_state(&login, false), CKS_RO_PUBLIC_SESSION);
  assert_int_equal(kg_login_state(&login, true), CKS_RW_PUBLIC_SESSION);
  login.logged_in = true;
  assert_int_equal(kg_login_state(&login, false), CKS_RO_USER_FUNCTIONS);
  assert_int_equal(kg_login_state(&login, true), CKS_RW_USER_FUNCTIONS);
  kg_login_clear(&login);
}

static void only_the_last_session_logs_out(void **state) {
  (void)state;
  struct kg_login login;
  kg_login_init(&login);
  kg_login_session_opened(&login, true);
  kg_login_session_opened(&login, false);
  login.logged_in = true;
  size_t sessions = 0, rw = 0;
  kg_login_count(&login, &sessions, &rw);
  assert_int_equal(sessions, 2);
  assert_int_equal(rw, 1);
  kg_login_session_closed(&login, true);
  assert_true(login.logged_in);
  kg_login_session_closed(&login, false);
  assert_false(login.logged_in);
  kg_login_count(&login, &sessions, &rw);
  assert_int_equal(sessions + rw, 0);
  kg_login_clear(&login);
}

static void *open_and_close(void *argument) {
  for (int i = 0; i < 5000; i++) {
    kg_login_session_opened(argument, i % 2);
    kg_login_session_closed(argument, i % 2);
  }
  return NULL;
}

static void counts_survive_threads(void **state) {
  (void)state;
  struct kg_login login;
  kg_login_init(&login);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, &login), 0);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  size_t sessions = 1, rw = 1;
  kg_login_count(&login, &sessions, &rw);
  assert_int_equal(sessions + rw, 0);
  kg_login_clear(&login);
}

int main(void) {
  const struct CMUnitTest cases[] = {
      CASE("/login/states_follow_sessions_and_kind", states_follow_sessions_and_kind),
      CASE("/login/only_the_last_session_logs_out", only_the_last_session_logs_out),
      CASE("/login/counts_survive_threads", counts_survive_threads),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
