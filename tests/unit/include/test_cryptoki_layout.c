#include "cryptoki_layout.h"

#include "tests/support/unit.h"

#include <string.h>

static void every_row_equals_the_independent_header(void **state) {
  (void)state;
  assert_int_equal(layout_ours_count, layout_nss_count);
  assert_true(layout_ours_count > 68 + 92 + 50);
  for (size_t i = 0; i < layout_ours_count; i++) {
    const struct layout_row *a = &layout_ours[i], *b = &layout_nss[i];
    assert_string_equal(a->name, b->name);
    if (a->size != b->size || a->offset != b->offset)
      fail_msg("%s: size %zu, offset or value %zu; NSS: %zu, %zu", a->name, a->size, a->offset, b->size, b->offset);
  }
}

/* Else a name given twice would hide that another one is missing. */
static void no_row_is_there_twice(void **state) {
  (void)state;
  for (size_t i = 0; i < layout_ours_count; i++)
    for (size_t j = i + 1; j < layout_ours_count; j++)
      if (strcmp(layout_ours[i].name, layout_ours[j].name) == 0) fail_msg("%s is there twice", layout_ours[i].name);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/cryptoki/every_row_equals_the_independent_header", every_row_equals_the_independent_header),
      CASE("/cryptoki/no_row_is_there_twice", no_row_is_there_twice),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
