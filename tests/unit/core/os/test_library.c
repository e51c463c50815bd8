#include "core/os/library.h"

#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void what_a_library_has_is_found(void **state) {
  struct kg_library_failure failure;
  void *library = kg_library_open(KG_TEST_LIBRARY, &failure);
  (void)state;
  if (library == NULL) fail_msg("%s", failure.text);
  kg_library_function *entry = kg_library_find(library, "C_GetFunctionList");
  assert_non_null(entry);
  assert_null(kg_library_find(library, "C_GetFunctionListOfAnother"));
  assert_non_null(kg_library_of(entry));
  assert_ptr_equal(kg_library_of(entry), kg_library_of(kg_library_find(library, "C_GetInterface")));
  assert_ptr_not_equal(kg_library_of(entry), kg_library_of((kg_library_function *)what_a_library_has_is_found));
  kg_library_close(library);
}

static void what_cannot_be_loaded_says_why(void **state) {
  static const struct {
    const char *path, *because;
  } cases[] = {{"/nowhere/at/all.so", "/nowhere/at/all.so"}, {KG_TEST_TEXT, "invalid ELF header"}};
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct kg_library_failure failure = {.code = 1};
    assert_null(kg_library_open(cases[i].path, &failure));
    if (strstr(failure.text, cases[i].because) == NULL) fail_msg("%s: %s", cases[i].path, failure.text);
    assert_int_equal(failure.code, 0);
  }
}

static void our_own_folder_is_where_this_program_is(void **state) {
  char self[4096];
  ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
  (void)state;
  assert_true(len > 0);
  self[len] = '\0';
  *strrchr(self, '/') = '\0';
  char *folder = kg_library_own_folder();
  assert_string_equal(folder, self);
  free(folder);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/library/what_a_library_has_is_found", what_a_library_has_is_found),
      CASE("/library/what_cannot_be_loaded_says_why", what_cannot_be_loaded_says_why),
      CASE("/library/our_own_folder_is_where_this_program_is", our_own_folder_is_where_this_program_is),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
