#include "wire/retry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NONE, BACKOFF, GONE, TOKEN_ONCE };

static const enum kg_leg legs[] = {KG_LEG_METADATA, KG_LEG_ISSUE, KG_LEG_TOKEN, KG_LEG_PROBE};

/* docs/protocol.md 11, written a second time and in other words. */
static int expected(enum kg_leg leg, int status) {
  if (leg == KG_LEG_TOKEN) return status >= 500 && status < 600 ? TOKEN_ONCE : NONE;
  if (status == 410) return GONE;
  if (status == 408 || status == 429 || (status / 100 == 5)) return BACKOFF;
  return status == 404 && leg != KG_LEG_PROBE ? BACKOFF : NONE;
}

static const int64_t backoff[] = {1000, 2000, 4000}, gone[] = {10000, 10000, 10000, 10000, 10000, 10000, 10000},
                     once[] = {1000};

static void check_waits(enum kg_leg leg, enum kg_status status, int http, const int64_t *waits, size_t count) {
  struct kg_retry retry = {0};
  int64_t delay;
  for (size_t i = 0; i < count; i++) {
    delay = -1;
    assert_true(kg_retry_next(&retry, leg, status, http, -1, &delay));
    assert_int_equal(delay, waits[i]);
    assert_int_equal(retry.failures, i + 1);
  }
  assert_false(kg_retry_next(&retry, leg, status, http, -1, &delay));
}

static void every_status_on_every_leg(void **state) {
  (void)state;
  for (size_t l = 0; l < sizeof legs / sizeof legs[0]; l++)
    for (int http = 100; http <= 700; http++)
      switch (expected(legs[l], http)) {
      case NONE:
        check_waits(legs[l], KG_OK, http, NULL, 0);
        break;
      case BACKOFF:
        check_waits(legs[l], KG_OK, http, backoff, 3);
        break;
      case GONE:
        check_waits(legs[l], KG_OK, http, gone, 7);
        break;
      case TOKEN_ONCE:
        check_waits(legs[l], KG_OK, http, once, 1);
        break;
      }
}

static void timeout_is_retried(void **state) {
  (void)state;
  check_waits(KG_LEG_METADATA, KG_E_TIMEOUT, 0, backoff, 3);
  check_waits(KG_LEG_ISSUE, KG_E_TIMEOUT, 0, backoff, 3);
  check_waits(KG_LEG_PROBE, KG_E_TIMEOUT, 0, backoff, 3);
  check_waits(KG_LEG_TOKEN, KG_E_TIMEOUT, 0, once, 1);
}

static void other_failures_without_an_answer_are_not(void **state) {
  (void)state;
  const enum kg_status failures[] = {KG_E_TRANSPORT, KG_E_TLS, KG_E_USAGE, KG_E_NO_MEMORY};
  for (size_t l = 0; l < sizeof legs / sizeof legs[0]; l++)
    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++)
      check_waits(legs[l], failures[i], 0, NULL, 0);
}

static void first_failure_pins_count_and_wait(void **state) {
  (void)state;
  struct kg_retry patient = {0};
  int64_t delay = 0;
  assert_true(kg_retry_next(&patient, KG_LEG_METADATA, KG_OK, 410, -1, &delay));
  for (unsigned i = 1; i < 7; i++) {
    assert_true(kg_retry_next(&patient, KG_LEG_METADATA, KG_OK, 503, -1, &delay));
    assert_int_equal(delay, 10000);
  }
  assert_false(kg_retry_next(&patient, KG_LEG_METADATA, KG_OK, 410, -1, &delay));
  struct kg_retry hasty = {0};
  assert_true(kg_retry_next(&hasty, KG_LEG_METADATA, KG_OK, 503, -1, &delay));
  for (unsigned i = 1; i < 3; i++) {
    assert_true(kg_retry_next(&hasty, KG_LEG_METADATA, KG_OK, 410, -1, &delay));
    assert_int_equal(delay, backoff[i]);
  }
  assert_false(kg_retry_next(&hasty, KG_LEG_METADATA, KG_OK, 410, -1, &delay));
}

static void final_status_ends_a_series(void **state) {
  (void)state;
  int64_t delay = 0;
  struct kg_retry retry = {0};
  assert_true(kg_retry_next(&retry, KG_LEG_ISSUE, KG_OK, 503, -1, &delay));
  assert_false(kg_retry_next(&retry, KG_LEG_ISSUE, KG_OK, 400, -1, &delay));
  assert_int_equal(retry.failures, 1);
}

static void longer_retry_after_of_429_is_honoured(void **state) {
  static const struct {
    enum kg_leg leg;
    int http;
    int64_t after_s, delay_ms;
  } rows[] = {{KG_LEG_METADATA, 429, 7, 7000}, {KG_LEG_ISSUE, 429, 30, 30000},          {KG_LEG_METADATA, 429, 0, 1000},
              {KG_LEG_METADATA, 429, 1, 1000}, {KG_LEG_METADATA, 429, 86400, 86400000}, {KG_LEG_METADATA, 503, 7, 1000},
              {KG_LEG_ISSUE, 410, 60, 10000}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct kg_retry retry = {0};
    int64_t delay = 0;
    assert_true(kg_retry_next(&retry, rows[i].leg, KG_OK, rows[i].http, rows[i].after_s, &delay));
    assert_int_equal(delay, rows[i].delay_ms);
  }
}

static void token_leg_leaves_retry_after_to_the_caller(void **state) {
  (void)state;
  struct kg_retry retry = {0};
  int64_t delay = 0;
  assert_false(kg_retry_next(&retry, KG_LEG_TOKEN, KG_OK, 503, 0, &delay));
  assert_false(kg_retry_next(&retry, KG_LEG_TOKEN, KG_OK, 503, 60, &delay));
  assert_true(kg_retry_next(&retry, KG_LEG_TOKEN, KG_OK, 503, -1, &delay));
}

static void seed_spreads_by_a_tenth_at_most(void **state) {
  (void)state;
  bool differs = false;
  for (uint64_t seed = 1; seed <= 200; seed++) {
    struct kg_retry one = {.seed = seed}, two = {.seed = seed};
    int64_t first = 0, second = 0;
    for (unsigned i = 0; i < 3; i++) {
      assert_true(kg_retry_next(&one, KG_LEG_METADATA, KG_OK, 500, -1, &first));
      assert_true(kg_retry_next(&two, KG_LEG_METADATA, KG_OK, 500, -1, &second));
      assert_int_equal(first, second);
      assert_true(first >= backoff[i] && first <= backoff[i] + backoff[i] / 10);
      differs = differs || first != backoff[i];
    }
  }
  assert_true(differs);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      {"/retry/every_status_on_every_leg", every_status_on_every_leg, NULL, NULL, NULL},
      {"/retry/timeout_is_retried", timeout_is_retried, NULL, NULL, NULL},
      {"/retry/other_failures_without_an_answer_are_not", other_failures_without_an_answer_are_not, NULL, NULL, NULL},
      {"/retry/first_failure_pins_count_and_wait", first_failure_pins_count_and_wait, NULL, NULL, NULL},
      {"/retry/final_status_ends_a_series", final_status_ends_a_series, NULL, NULL, NULL},
      {"/retry/longer_retry_after_of_429_is_honoured", longer_retry_after_of_429_is_honoured, NULL, NULL, NULL},
      {"/retry/token_leg_leaves_retry_after_to_the_caller", token_leg_leaves_retry_after_to_the_caller, NULL, NULL,
       NULL},
      {"/retry/seed_spreads_by_a_tenth_at_most", seed_spreads_by_a_tenth_at_most, NULL, NULL, NULL},
  };
  return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
