#include "core/base/text.h"

#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

static void cleaning_replaces_what_harms(void **state) {
  static const struct {
    const char *text, *cleaned;
  } cases[] = {
      {"plain text, 100 %", "plain text, 100 %"},
      {"a\nb\tc\x1b[0m\x7f", "a?b?c?[0m?"},
      {"Gr\xc3\xbc\xc3\x9f"
       "e \xe2\x82\xac \xf0\x9f\x94\x91",
       "Gr\xc3\xbc\xc3\x9f"
       "e \xe2\x82\xac \xf0\x9f\x94\x91"},
      {"\xc2\x80\xc2\x9b\xc2\x9f\xc2\xa0", "??????\xc2\xa0"}, /* C1 controls, then the first that is none */
      {"\xe2\x80\xae"
       "gpj.exe\xe2\x81\xa6",
       "???gpj.exe???"},       /* right-to-left override, isolate */
      {"\xe2\x80\xa8", "???"}, /* line separator */
      {"\x9b"
       "31m",
       "?31m"},                                              /* C1 as one byte */
      {"\xc0\x8a\xe0\x80\x8a", "?????"},                     /* overlong newlines */
      {"\xed\xa0\x80", "???"},                               /* surrogate */
      {"\xf4\x90\x80\x80\xf8\x88\x80\x80\x80", "?????????"}, /* beyond Unicode */
      {"\xf8\x90\x80\x80", "????"},
      {"\xc2\xa0\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", /* the edges of what is right */
       "\xc2\xa0\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"},
      {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
      {"\xdf\x7f\xed\xbf\xbf\xc1\xbf\xe0\x9f\xbf\xf0\x8f\xbf\xbf", "??????????"
                                                                   "????"},
      {"\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa", "\xe2\x80\xa7\xe2\x80\xaf\xe2\x81\xa5\xe2\x81\xaa"},
      {"\xe2\x80\xa8\xe2\x81\xa9\xef\xbb\xbf", "?????????"},
      {"cut \xe2\x82", "cut ??"},
      {"", ""},
  };
  (void)state;
  char text[64];
  for (size_t i = 0; i < COUNT(cases); i++) {
    strcpy(text, cases[i].text);
    kg_text_clean(text);
    assert_string_equal(text, cases[i].cleaned);
  }
  kg_text_clean(NULL);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/text/cleaning_replaces_what_harms", cleaning_replaces_what_harms),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
