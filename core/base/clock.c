#include "core/base/clock.h"

#include <stdio.h>
#include <string.h>

#define DAY 86400

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar: years are taken to begin in March, so that the
 * leap day is the last of its year; 719468 days lie between 0000-03-01 and 1970-01-01. */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
  int64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
  return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719468;
}

static int64_t days_in_month(int64_t year, int64_t month) {
  return month == 12 ? 31 : days_of(year, month + 1, 1) - days_of(year, month, 1);
}

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
  return value < low ? low : value > high ? high : value;
}

void kg_time_format(int64_t seconds, char out[KG_TIME_TEXT_SIZE]) {
  int64_t at = clamp(seconds, 0, days_of(10000, 1, 1) * DAY - 1), days = at / DAY, rest = at % DAY;
  int year = (int)(1970 + days / 366);
  while (year < 9999 && days_of(year + 1, 1, 1) <= days)
    year++;
  int month = 1;
  while (month < 12 && days_of(year, month + 1, 1) <= days)
    month++;
  snprintf(out, KG_TIME_TEXT_SIZE, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month,
           (int)(days - days_of(year, month, 1) + 1), (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
}

static int64_t digits(const char *text, size_t count) {
  int64_t value = 0;
  for (size_t i = 0; i < count; i++)
    value = value * 10 + (text[i] - '0');
  return value;
}

/* Compares with "0000-00-00T00:00:00Z", where 0 stands for any digit. */
static int has_form(const char *text) {
  static const char form[] = "0000-00-00T00:00:00Z";
  if (text == NULL || strlen(text) != sizeof form - 1) return 0;
  for (size_t i = 0; i < sizeof form - 1; i++) {
    int is_digit = text[i] >= '0' && text[i] <= '9';
    if (form[i] == '0' ? !is_digit : text[i] != form[i]) return 0;
  }
  return 1;
}

int64_t kg_time_parse(const char *text) {
  if (!has_form(text)) return -1;
  int64_t year = digits(text, 4), month = digits(text + 5, 2), day = digits(text + 8, 2);
  int64_t hour = digits(text + 11, 2), minute = digits(text + 14, 2), second = digits(text + 17, 2);
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return -1;
  if (hour > 23 || minute > 59 || second > 59) return -1;
  return days_of(year, month, day) * DAY + hour * 3600 + minute * 60 + second;
}
