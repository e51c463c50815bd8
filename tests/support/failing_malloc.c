#include "failing_malloc.h"

#include <errno.h>

/* By thread, because a test's own server may have one. */
static _Thread_local int turn = -1, turns;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);

void failing_malloc_start(int which) {
  turn = which, turns = 0;
}

bool failing_malloc_stop(void) {
  bool failed = turns > turn;
  turn = -1;
  return failed;
}

static bool is_my_turn(void) {
  if (turn < 0 || turns++ != turn) return false;
  errno = ENOMEM;
  return true;
}

void *__wrap_malloc(size_t size) {
  return is_my_turn() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
  return is_my_turn() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
  return is_my_turn() ? NULL : __real_realloc(old, size);
}
