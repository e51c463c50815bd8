/* A signal that comes while the token is being written is heard when that is over. */
#define _DEFAULT_SOURCE /* sigaction with SA_RESTART */
#include "judged_token.h"

#include "tests/support/open_key.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const char *wanted;
static int number;
static volatile sig_atomic_t heard;
static int raised, heard_inside;

static void hear(int signal_number) {
  (void)signal_number;
  heard++;
}

static CK_RV raise_inside(const char *function) {
  if (strcmp(function, wanted) != 0 || raised > 0) return CKR_OK;
  raised++;
  assert_int_equal(raise(number), 0);
  heard_inside = heard;
  return CKR_OK;
}

static void expect_after(struct token *token, const char *function, int signal_number, void (*work)(struct token *)) {
  struct sigaction action = {0}, before;
  action.sa_handler = hear;
  assert_int_equal(sigaction(signal_number, &action, &before), 0);
  wanted = function;
  number = signal_number;
  heard = raised = heard_inside = 0;
  sigset_t mask_before;
  assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask_before), 0);
  atomic_store(&token->fake->decide, raise_inside);
  work(token);
  atomic_store(&token->fake->decide, NULL);
  sigset_t mask_after;
  assert_int_equal(pthread_sigmask(SIG_BLOCK, NULL, &mask_after), 0);
  assert_int_equal(sigaction(signal_number, &before, NULL), 0);
  if (raised != 1 || heard_inside != 0 || heard != 1)
    fail_msg("signal %d in %s: raised %d, heard inside %d, in all %d", signal_number, function, raised, heard_inside,
             (int)heard);
  for (int i = 1; i < 32; i++)
    assert_int_equal(sigismember(&mask_before, i), sigismember(&mask_after, i));
}

static void make_and_delete(struct token *token) {
  struct kg_key *key = token_open_object(token, "web");
  token_sign(key, 1);
  assert_int_equal(kg_key_delete(&key, NULL), KG_OK);
}

static void those_that_end_a_process_wait(void **state) {
  static const char *const functions[] = {"C_Login", "C_GenerateKeyPair", "C_DestroyObject"};
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGALRM};
  for (size_t f = 0; f < COUNT(functions); f++)
    for (size_t s = 0; s < COUNT(signals); s++)
      expect_after(*state, functions[f], signals[s], make_and_delete);
}

/* Whoever hangs there can be ended. */
static void quit_does_not_wait(void **state) {
  struct token *token = *state;
  struct sigaction action = {0}, before;
  action.sa_handler = hear;
  assert_int_equal(sigaction(SIGQUIT, &action, &before), 0);
  wanted = "C_Login";
  number = SIGQUIT;
  heard = raised = heard_inside = 0;
  atomic_store(&token->fake->decide, raise_inside);
  make_and_delete(token);
  atomic_store(&token->fake->decide, NULL);
  assert_int_equal(sigaction(SIGQUIT, &before, NULL), 0);
  assert_int_equal(heard_inside, 1);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      TOKEN_CASE("/signals/those_that_end_a_process_wait", those_that_end_a_process_wait),
      TOKEN_CASE("/signals/quit_does_not_wait", quit_does_not_wait),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
