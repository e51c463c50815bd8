#include "ctl/renew.h"

#include "tests/support/unit.h"

#include <stdio.h>
#include <string.h>

#define DAY INT64_C(86400)
#define BORN INT64_C(1800000000)
#define SEEDS 1000

static struct kg_renew plan(int64_t age, int64_t life, uint64_t seed) {
  return kg_renew_plan(BORN + age, BORN, BORN + life, seed);
}

static uint64_t machine_seed(unsigned machine) {
  char id[32];
  snprintf(id, sizeof id, "machine-%u", machine);
  return kg_renew_seed(id, "web");
}

static void due_is_half_of_life_give_or_take_a_tenth(void **state) {
  (void)state;
  for (unsigned i = 0; i < SEEDS; i++) {
    int64_t due = plan(0, 7 * DAY, machine_seed(i)).due_at - BORN;
    assert_in_range(due, 7 * DAY / 2 * 9 / 10, 7 * DAY / 2 * 11 / 10);
  }
}

/* A thousand machines that were provisioned in the same second: ten windows of two percent hold a tenth each. */
static void thousand_machines_spread_evenly(void **state) {
  int64_t first = 7 * DAY / 2 * 9 / 10, width = 7 * DAY / 2 / 5;
  (void)state;
  unsigned windows[10] = {0};
  for (unsigned i = 0; i < SEEDS; i++) {
    int64_t at = (plan(0, 7 * DAY, machine_seed(i)).due_at - BORN - first) * 10 / width;
    windows[at < 0 ? 0 : at > 9 ? 9 : at]++;
  }
  for (size_t i = 0; i < COUNT(windows); i++)
    assert_in_range(windows[i], 60, 145); /* 100 each; five standard deviations are 47 */
}

static void seed_is_of_machine_and_identity(void **state) {
  (void)state;
  assert_true(kg_renew_seed("m", "web") == kg_renew_seed("m", "web"));
  assert_true(kg_renew_seed("m", "web") != kg_renew_seed("m", "api"));
  assert_true(kg_renew_seed("m", "web") != kg_renew_seed("n", "web"));
  assert_true(kg_renew_seed("ma", "b") != kg_renew_seed("m", "ab"));
  assert_true(kg_renew_seed(NULL, "web") == kg_renew_seed("", "web"));
}

/* Seven days, the middle of the spread. */
static void states_follow_each_other(void **state) {
  const int64_t life = 7 * DAY;
  static const struct {
    int64_t per_mille;
    enum kg_renew_state state;
  } table[] = {{0, KG_RENEW_GOOD},     {400, KG_RENEW_GOOD},  {560, KG_RENEW_DUE},    {740, KG_RENEW_DUE},
               {760, KG_RENEW_LATE},   {890, KG_RENEW_LATE},  {910, KG_RENEW_LATEST}, {999, KG_RENEW_LATEST},
               {1000, KG_RENEW_ENDED}, {2000, KG_RENEW_ENDED}};
  (void)state;
  for (size_t i = 0; i < COUNT(table); i++)
    assert_int_equal(plan(life * table[i].per_mille / 1000, life, 42).state, table[i].state);
}

static void boundaries_are_exact(void **state) {
  struct kg_renew born = plan(0, 7 * DAY, 7);
  (void)state;
  assert_int_equal(kg_renew_plan(born.due_at - 1, BORN, BORN + 7 * DAY, 7).state, KG_RENEW_GOOD);
  assert_int_equal(kg_renew_plan(born.due_at, BORN, BORN + 7 * DAY, 7).state, KG_RENEW_DUE);
  assert_int_equal(plan(7 * DAY - 1, 7 * DAY, 7).state, KG_RENEW_LATEST);
  assert_int_equal(plan(7 * DAY - 1, 7 * DAY, 7).left_s, 1);
  assert_int_equal(plan(7 * DAY, 7 * DAY, 7).state, KG_RENEW_ENDED);
  assert_int_equal(plan(7 * DAY, 7 * DAY, 7).left_s, 0);
}

/* 24 hours or less left is due, whatever half of the life says: a life of 49 hours, where half is 24.5. */
static void last_day_is_due(void **state) {
  (void)state;
  for (unsigned i = 0; i < SEEDS; i++) {
    uint64_t seed = machine_seed(i);
    assert_true(plan(0, 2 * DAY + 3600, seed).due_at <= BORN + DAY + 3600);
    assert_int_not_equal(plan(DAY + 3600, 2 * DAY + 3600, seed).state, KG_RENEW_GOOD);
  }
  assert_true(plan(DAY + 3600, 2 * DAY + 3600, 1).last_day);
  assert_false(plan(DAY + 3599, 2 * DAY + 3600, 1).last_day); /* 24 h and 1 s are left */
}

static void short_lives_are_due_at_half(void **state) {
  static const int64_t lives[] = {60, 3600, 8 * 3600, DAY, 2 * DAY - 1};
  (void)state;
  for (size_t i = 0; i < COUNT(lives); i++) {
    assert_int_equal(plan(0, lives[i], 99).state, KG_RENEW_GOOD);
    assert_int_equal(plan(lives[i] * 44 / 100, lives[i], 99).state, KG_RENEW_GOOD);
    assert_int_not_equal(plan(lives[i] * 56 / 100, lives[i], 99).state, KG_RENEW_GOOD);
    assert_false(plan(lives[i] / 2, lives[i], 99).last_day);
  }
}

static void no_life_is_over_or_not_begun(void **state) {
  (void)state;
  assert_int_equal(plan(0, 0, 1).state, KG_RENEW_ENDED);
  assert_int_equal(plan(0, -5, 1).state, KG_RENEW_ENDED);
  assert_int_equal(plan(0, 1, 1).state, KG_RENEW_DUE); /* a second: due at once */
}

static void jumps_of_the_clock_are_seen_as_they_are(void **state) {
  struct kg_renew back = plan(-365 * DAY, 7 * DAY, 3);
  (void)state;
  assert_int_equal(back.state, KG_RENEW_GOOD); /* a clock before the issue calls nothing due */
  assert_int_equal(plan(30 * DAY, 7 * DAY, 3).state, KG_RENEW_ENDED);
  assert_int_equal(kg_renew_plan(0, BORN, BORN + 7 * DAY, 3).state, KG_RENEW_GOOD); /* 1970 */
  assert_int_equal(plan(8 * 3600, 7 * DAY, 3).state, KG_RENEW_GOOD);                /* suspended for a night */
}

/* Three days without the service on a seven-day certificate: the old one still lives. */
static void outage_of_three_days_is_survived(void **state) {
  (void)state;
  for (unsigned i = 0; i < SEEDS; i++) {
    int64_t due = plan(0, 7 * DAY, machine_seed(i)).due_at;
    assert_true(kg_renew_plan(due + 3 * DAY, BORN, BORN + 7 * DAY, machine_seed(i)).left_s > 0);
  }
}

static void binding_lives_from_its_issue_to_its_effective_end(void **state) {
  char name[] = "web";
  struct kg_binding binding = {.identity = name, .issued_at = BORN};
  (void)state;
  binding.leaf.not_before = BORN - 7 * DAY; /* made a week before it was handed out */
  binding.leaf.not_after = BORN + 7 * DAY;
  assert_int_equal(kg_renew_binding(&binding, BORN + DAY).state, KG_RENEW_GOOD);
  binding.token_not_after = BORN + 4 * 3600;
  assert_int_equal(kg_renew_binding(&binding, BORN + DAY).state, KG_RENEW_ENDED);
  assert_int_equal(kg_renew_binding(&binding, BORN).left_s, 4 * 3600);
  binding.token_not_after = 0;
  binding.issued_at = BORN + 100 * DAY; /* noted by a clock that was wrong */
  assert_int_equal(kg_renew_binding(&binding, BORN + DAY).state, KG_RENEW_DUE);
}

static void names_are_stable(void **state) {
  (void)state;
  assert_string_equal(kg_renew_state_name(KG_RENEW_GOOD), "good");
  assert_string_equal(kg_renew_state_name(KG_RENEW_DUE), "due");
  assert_string_equal(kg_renew_state_name(KG_RENEW_LATE), "late");
  assert_string_equal(kg_renew_state_name(KG_RENEW_LATEST), "latest");
  assert_string_equal(kg_renew_state_name(KG_RENEW_ENDED), "ended");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE("/renew/due_is_half_of_life_give_or_take_a_tenth", due_is_half_of_life_give_or_take_a_tenth),
      CASE("/renew/thousand_machines_spread_evenly", thousand_machines_spread_evenly),
      CASE("/renew/seed_is_of_machine_and_identity", seed_is_of_machine_and_identity),
      CASE("/renew/states_follow_each_other", states_follow_each_other),
      CASE("/renew/boundaries_are_exact", boundaries_are_exact),
      CASE("/renew/last_day_is_due", last_day_is_due),
      CASE("/renew/short_lives_are_due_at_half", short_lives_are_due_at_half),
      CASE("/renew/no_life_is_over_or_not_begun", no_life_is_over_or_not_begun),
      CASE("/renew/jumps_of_the_clock_are_seen_as_they_are", jumps_of_the_clock_are_seen_as_they_are),
      CASE("/renew/outage_of_three_days_is_survived", outage_of_three_days_is_survived),
      CASE("/renew/binding_lives_from_its_issue_to_its_effective_end",
           binding_lives_from_its_issue_to_its_effective_end),
      CASE("/renew/names_are_stable", names_are_stable)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
