#include "core/base/clock.h"

#include "tests/support/unit.h"

#include <string.h>
#include <time.h>

static void known_times_go_both_ways(void **state) {
  static const struct {
    int64_t seconds;
    const char *text;
  } cases[] = {
      {0, "1970-01-01T00:00:00Z"},
      {1, "1970-01-01T00:00:01Z"},
      {951782399, "2000-02-28T23:59:59Z"},
      {951782400, "2000-02-29T00:00:00Z"},
      {951868800, "2000-03-01T00:00:00Z"},
      {1795730326, "2026-11-26T21:58:46Z"},
      {2147483647, "2038-01-19T03:14:07Z"},
      {4107542400, "2100-03-01T00:00:00Z"},
      {253402300799, "9999-12-31T23:59:59Z"},
  };
  (void)state;
  char text[KG_TIME_TEXT_SIZE];
  for (size_t i = 0; i < COUNT(cases); i++) {
    kg_time_format(cases[i].seconds, text);
    assert_string_equal(text, cases[i].text);
    assert_int_equal(kg_time_parse(cases[i].text), cases[i].seconds);
  }
}

static void every_day_until_2200_agrees_with_the_system(void **state) {
  (void)state;
  char ours[KG_TIME_TEXT_SIZE], theirs[KG_TIME_TEXT_SIZE];
  for (int64_t at = 0; at < 7258118400; at += 86400 + 61) {
    struct tm parts;
    time_t seconds = (time_t)at;
    assert_non_null(gmtime_r(&seconds, &parts));
    strftime(theirs, sizeof theirs, "%Y-%m-%dT%H:%M:%SZ", &parts);
    kg_time_format(at, ours);
    assert_string_equal(ours, theirs);
    assert_int_equal(kg_time_parse(ours), at);
  }
}

static void times_outside_are_clamped(void **state) {
  (void)state;
  char text[KG_TIME_TEXT_SIZE];
  kg_time_format(-1, text);
  assert_string_equal(text, "1970-01-01T00:00:00Z");
  kg_time_format(INT64_MIN, text);
  assert_string_equal(text, "1970-01-01T00:00:00Z");
  kg_time_format(INT64_MAX, text);
  assert_string_equal(text, "9999-12-31T23:59:59Z");
}

static void other_forms_are_refused(void **state) {
  static const char *const bad[] = {
      "",
      "2026",
      "2026-11-26",
      "2026-11-26T21:58:46",
      "2026-11-26T21:58:46+00:00",
      "2026-11-26T21:58:46.0Z",
      "2026-11-26 21:58:46Z",
      "2026-11-26t21:58:46z",
      " 2026-11-26T21:58:46Z",
      "2026-11-26T21:58:46Z ",
      "2026-1-26T21:58:46ZZ",
      "+026-11-26T21:58:46Z",
      "2026-00-26T21:58:46Z",
      "2026-13-26T21:58:46Z",
      "2026-11-00T21:58:46Z",
      "2026-11-31T21:58:46Z",
      "2026-02-29T00:00:00Z",
      "2100-02-29T00:00:00Z",
      "2026-11-26T24:00:00Z",
      "2026-11-26T23:60:00Z",
      "2026-11-26T23:59:60Z",
      "1969-12-31T23:59:59Z",
      "0000-01-01T00:00:00Z",
      "2026-11-26T21:58:4\xb2Z",
  };
  (void)state;
  for (size_t i = 0; i < COUNT(bad); i++)
    assert_int_equal(kg_time_parse(bad[i]), -1);
  assert_int_equal(kg_time_parse(NULL), -1);
}

static void system_clocks_run(void **state) {
  const struct kg_clock *clock = kg_clock_system();
  int64_t before = clock->elapsed_ms(clock->context);
  (void)state;
  assert_true(clock->wall(clock->context) > 1700000000);
  clock->sleep_ms(clock->context, 20);
  assert_true(clock->elapsed_ms(clock->context) - before >= 20);
  clock->sleep_ms(clock->context, 0);
  clock->sleep_ms(clock->context, -5);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/clock/known_times_go_both_ways", known_times_go_both_ways),
      CASE("/clock/every_day_until_2200_agrees_with_the_system", every_day_until_2200_agrees_with_the_system),
      CASE("/clock/times_outside_are_clamped", times_outside_are_clamped),
      CASE("/clock/other_forms_are_refused", other_forms_are_refused),
      CASE("/clock/system_clocks_run", system_clocks_run),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
