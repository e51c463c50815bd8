/* As much of cmocka's interface as our unit tests use, for Windows, where Debian has no cmocka: the same test sources
 * run there. The closing line is "N passed, M failed". Included after the four headers that cmocka wants. */
#ifndef KG_TESTS_WINDOWS_CMOCKA_H
#define KG_TESTS_WINDOWS_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void (*CMUnitTestFunction)(void **state);
typedef int (*CMFixtureFunction)(void **state);

struct CMUnitTest {
  const char *name;
  CMUnitTestFunction test_func;
  CMFixtureFunction setup_func, teardown_func;
  void *initial_state;
};

static jmp_buf kg_shim_failed, kg_shim_skipped;

#define kg_shim_check(condition, ...)                                                                                  \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      printf("  %s:%d: ", __FILE__, __LINE__);                                                                         \
      printf(__VA_ARGS__);                                                                                             \
      printf("\n");                                                                                                    \
      longjmp(kg_shim_failed, 1);                                                                                      \
    }                                                                                                                  \
  } while (0)

#define kg_shim_compare(a, operator, b)                                                                                \
  do {                                                                                                                 \
    unsigned long long kg_a = (unsigned long long)(a), kg_b = (unsigned long long)(b);                                 \
    kg_shim_check(kg_a operator kg_b, "%s " #operator" %s: %#llx, %#llx", #a, #b, kg_a, kg_b);                         \
  } while (0)

#define assert_true(x) kg_shim_check(x, "%s", #x)
#define assert_false(x) kg_shim_check(!(x), "not %s", #x)
#define assert_non_null(x) kg_shim_check((x) != NULL, "%s is NULL", #x)
#define assert_null(x) kg_shim_check((x) == NULL, "%s is not NULL", #x)
#define assert_ptr_equal(a, b) kg_shim_check((const void *)(a) == (const void *)(b), "%s is not %s", #a, #b)
#define assert_ptr_not_equal(a, b) kg_shim_check((const void *)(a) != (const void *)(b), "%s is %s", #a, #b)
#define assert_int_equal(a, b) kg_shim_compare(a, ==, b)
#define assert_int_not_equal(a, b) kg_shim_compare(a, !=, b)
#define assert_in_range(x, a, b) kg_shim_check((x) >= (a) && (x) <= (b), "%s is not in [%s, %s]", #x, #a, #b)
#define assert_memory_equal(a, b, n) kg_shim_check(memcmp(a, b, n) == 0, "%s and %s differ", #a, #b)
#define assert_memory_not_equal(a, b, n) kg_shim_check(memcmp(a, b, n) != 0, "%s and %s are the same", #a, #b)
#define assert_string_equal(a, b) kg_shim_check(strcmp(a, b) == 0, "\"%s\" is not \"%s\"", a, b)
#define assert_string_not_equal(a, b) kg_shim_check(strcmp(a, b) != 0, "\"%s\"", a)
#define fail() kg_shim_check(0, "fail()")
#define fail_msg(...) kg_shim_check(0, __VA_ARGS__)
#define skip() longjmp(kg_shim_skipped, 1)
#define print_message printf
#define print_error printf

#define cmocka_unit_test(f)                                                                                            \
  { #f, f, NULL, NULL, NULL }
#define cmocka_run_group_tests(tests, setup, teardown)                                                                 \
  kg_shim_run(tests, sizeof(tests) / sizeof((tests)[0]), setup, teardown)
#define cmocka_run_group_tests_name(name, tests, setup, teardown) cmocka_run_group_tests(tests, setup, teardown)

/* POSIX's, with which tests prepare what getenv() finds. */
static inline int setenv(const char *name, const char *value, int overwrite) {
  return overwrite || !getenv(name) ? _putenv_s(name, value) : 0;
}

static inline int unsetenv(const char *name) {
  return _putenv_s(name, "");
}

static inline int kg_shim_one(const struct CMUnitTest *test, void **group) {
  void *state = test->initial_state;
  void **use = test->setup_func || state ? &state : group;

  printf("%s\n", test->name);
  fflush(stdout);
  if (setjmp(kg_shim_failed) != 0) return 1;
  if (setjmp(kg_shim_skipped) != 0) {
    printf("  skipped\n");
    return 2;
  }
  if (test->setup_func) kg_shim_check(test->setup_func(use) == 0, "the case's setup failed");
  test->test_func(use);
  if (test->teardown_func) kg_shim_check(test->teardown_func(use) == 0, "the case's teardown failed");
  return 0;
}

static inline int kg_shim_run(const struct CMUnitTest *tests, size_t count, CMFixtureFunction setup,
                              CMFixtureFunction teardown) {
  unsigned results[3] = {0, 0, 0};
  void *state = NULL;

  if (setup && setup(&state) != 0) {
    printf("the group's setup failed\n");
    return 1;
  }
  for (size_t i = 0; i < count; i++)
    results[kg_shim_one(&tests[i], &state)]++;
  if (teardown && teardown(&state) != 0) {
    printf("the group's teardown failed\n");
    results[1]++;
  }
  if (results[2]) printf("%u skipped\n", results[2]);
  printf("%u passed, %u failed\n", results[0], results[1]);
  fflush(stdout);
  return (int)results[1];
}

#endif
