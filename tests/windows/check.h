/* A test program's frame: cases by name, a failed check ends its case, the closing line is "N passed, M failed". */
#ifndef KG_TESTS_WINDOWS_CHECK_H
#define KG_TESTS_WINDOWS_CHECK_H

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

struct check_case {
  const char *name;
  void (*run)(void);
};

static jmp_buf check_failed;

#define CHECK(condition)                                                                                               \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      printf("  %s:%d: %s\n", __FILE__, __LINE__, #condition);                                                         \
      longjmp(check_failed, 1);                                                                                        \
    }                                                                                                                  \
  } while (0)

/* `before` runs ahead of each case. With an argument only cases whose names begin with it run. */
static int check_main(const struct check_case *cases, size_t count, void (*before)(void), const char *only) {
  volatile unsigned passed = 0, failed = 0; /* they outlive a longjmp */
  volatile size_t i;

  for (i = 0; i < count; i++) {
    if (only && strncmp(cases[i].name, only, strlen(only)) != 0) continue;
    printf("%s\n", cases[i].name);
    fflush(stdout);
    if (setjmp(check_failed) == 0) {
      if (before) before();
      cases[i].run();
      passed++;
    } else {
      failed++;
    }
  }
  printf("%u passed, %u failed\n", passed, failed);
  fflush(stdout);
  return failed ? 1 : 0;
}

#endif
