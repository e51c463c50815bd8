#include "pkcs11/on_demand.h"

#include "sample.h"
#include "tests/support/unit.h"

#include <string.h>

static struct kg_on_demand on_demand;
static char path[] = "/etc/keyguard/keyguard.conf";
static uint32_t next_slot = 1; /* failures are remembered for the process: each case has a slot of its own */

static struct kg_on_demand make(uint32_t slot, bool allowed) {
  struct kg_on_demand out;
  struct kg_config config = {.path = path, .provision_on_demand = allowed};
  kg_on_demand_init(&out, &config, "web", slot, &sample_clock);
  return out;
}

static int begin(void **state) {
  (void)state;
  sample_elapsed_ms = 1000000;
  on_demand = make(next_slot++, true);
  return 0;
}

static void is_refused_unless_configured(void **state) {
  (void)state;
  on_demand = make(next_slot++, false);
  assert_false(kg_on_demand_claim(&on_demand));
}

static void is_claimed_again_after_success(void **state) {
  (void)state;
  for (int i = 0; i < 3; i++) {
    assert_true(kg_on_demand_claim(&on_demand));
    kg_on_demand_settle(&on_demand, true);
  }
}

static void failure_is_remembered_for_a_minute(void **state) {
  (void)state;
  assert_true(kg_on_demand_claim(&on_demand));
  kg_on_demand_settle(&on_demand, false);
  assert_false(kg_on_demand_claim(&on_demand));
  sample_elapsed_ms += KG_ON_DEMAND_PAUSE_S * 1000 - 1000;
  assert_false(kg_on_demand_claim(&on_demand));
  sample_elapsed_ms += 1000;
  assert_true(kg_on_demand_claim(&on_demand));
  kg_on_demand_settle(&on_demand, true);
}

static void failure_survives_another_initialisation(void **state) {
  struct kg_on_demand again = make(on_demand.slot, true);
  (void)state;
  assert_true(kg_on_demand_claim(&on_demand));
  kg_on_demand_settle(&on_demand, false);
  assert_false(kg_on_demand_claim(&again));
}

static void failure_of_one_identity_is_not_that_of_another(void **state) {
  struct kg_on_demand other = make(next_slot++, true);
  (void)state;
  assert_true(kg_on_demand_claim(&on_demand));
  kg_on_demand_settle(&on_demand, false);
  assert_true(kg_on_demand_claim(&other));
}

/* Of more than can be remembered the oldest is forgotten. */
static void newest_failures_are_kept(void **state) {
  uint32_t first = next_slot;
  (void)state;
  for (int i = 0; i < 100; i++) {
    struct kg_on_demand one = make(next_slot++, true);
    sample_elapsed_ms += 100;
    assert_true(kg_on_demand_claim(&one));
    kg_on_demand_settle(&one, false);
  }
  struct kg_on_demand last = make(next_slot - 1, true);
  assert_false(kg_on_demand_claim(&last));
  last = make(first, true);
  assert_true(kg_on_demand_claim(&last));
}

static void clock_that_goes_back_forgets(void **state) {
  (void)state;
  assert_true(kg_on_demand_claim(&on_demand));
  kg_on_demand_settle(&on_demand, false);
  sample_elapsed_ms = 5000;
  assert_true(kg_on_demand_claim(&on_demand));
}

/* The other thread, in the middle of our wait. */
static int sleeps;
static void settle_at_the_third(void *context, int64_t milliseconds) {
  (void)context;
  sample_elapsed_ms += milliseconds;
  if (++sleeps == 3) kg_on_demand_settle(&on_demand, true);
}
static void never_settle(void *context, int64_t milliseconds) {
  (void)context;
  sample_elapsed_ms += milliseconds;
  sleeps++;
}

static void second_caller_waits_for_the_first(void **state) {
  struct kg_clock clock = sample_clock;
  (void)state;
  clock.sleep_ms = settle_at_the_third;
  on_demand.clock = &clock;
  sleeps = 0;
  assert_true(kg_on_demand_claim(&on_demand));
  assert_false(kg_on_demand_claim(&on_demand));
  assert_int_equal(sleeps, 3);
  assert_true(kg_on_demand_claim(&on_demand));
}

static void wait_for_another_is_bounded(void **state) {
  struct kg_clock clock = sample_clock;
  int64_t began = sample_elapsed_ms;
  (void)state;
  clock.sleep_ms = never_settle;
  on_demand.clock = &clock;
  assert_true(kg_on_demand_claim(&on_demand));
  assert_false(kg_on_demand_claim(&on_demand));
  assert_in_range(sample_elapsed_ms - began, 30000, 60000);
}

#define WITH_ON_DEMAND(path_, function)                                                                                \
  { path_, function, begin, NULL, NULL }

int main(void) {
  const struct CMUnitTest cases[] = {
      WITH_ON_DEMAND("/on_demand/is_refused_unless_configured", is_refused_unless_configured),
      WITH_ON_DEMAND("/on_demand/is_claimed_again_after_success", is_claimed_again_after_success),
      WITH_ON_DEMAND("/on_demand/failure_is_remembered_for_a_minute", failure_is_remembered_for_a_minute),
      WITH_ON_DEMAND("/on_demand/failure_survives_another_initialisation", failure_survives_another_initialisation),
      WITH_ON_DEMAND("/on_demand/failure_of_one_identity_is_not_that_of_another",
                     failure_of_one_identity_is_not_that_of_another),
      WITH_ON_DEMAND("/on_demand/newest_failures_are_kept", newest_failures_are_kept),
      WITH_ON_DEMAND("/on_demand/clock_that_goes_back_forgets", clock_that_goes_back_forgets),
      WITH_ON_DEMAND("/on_demand/second_caller_waits_for_the_first", second_caller_waits_for_the_first),
      WITH_ON_DEMAND("/on_demand/wait_for_another_is_bounded", wait_for_another_is_bounded),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
