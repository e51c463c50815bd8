#define _DEFAULT_SOURCE /* usleep */
#include "pkcs11/handle.h"

#include "core/os/fork.h"
#include "core/os/mutex.h"
#include "tests/support/unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_int freed;

static void count_free(void *item) {
  (void)item;
  atomic_fetch_add(&freed, 1);
}

static int make(void **state) {
  atomic_store(&freed, 0);
  *state = kg_handles_new(count_free);
  return *state != NULL ? 0 : -1;
}

static int drop(void **state) {
  struct kg_handles *handles = *state;
  kg_handles_free(&handles);
  return handles != NULL;
}

static void open_handle_leads_to_its_item(void **state) {
  CK_ULONG handle = 0;
  int item = 0;
  assert_true(kg_handle_open(*state, &item, &handle));
  assert_true(handle != 0);
  assert_ptr_equal(kg_handle_acquire(*state, handle), &item);
  kg_handle_release(*state, handle);
  assert_int_equal(freed, 0);
  assert_true(kg_handle_close(*state, handle));
  assert_int_equal(freed, 1);
}

static void closed_handle_is_unknown(void **state) {
  CK_ULONG handle = 0;
  int item = 0;
  assert_true(kg_handle_open(*state, &item, &handle));
  assert_true(kg_handle_close(*state, handle));
  assert_false(kg_handle_close(*state, handle));
  assert_null(kg_handle_acquire(*state, handle));
}

static void close_does_not_wait_and_the_last_frees(void **state) {
  CK_ULONG handle = 0;
  int item = 0;
  assert_true(kg_handle_open(*state, &item, &handle));
  assert_non_null(kg_handle_acquire(*state, handle));
  assert_true(kg_handle_close(*state, handle));
  assert_int_equal(freed, 0);
  assert_null(kg_handle_acquire(*state, handle));
  kg_handle_release(*state, handle);
  assert_int_equal(freed, 1);
}

static void made_up_handles_are_unknown(void **state) {
  CK_ULONG handle = 0;
  int item = 0;
  assert_true(kg_handle_open(*state, &item, &handle));
  assert_null(kg_handle_acquire(*state, 0));
  assert_null(kg_handle_acquire(*state, (CK_ULONG)-1));
  for (unsigned bit = 0; bit < 8 * sizeof handle; bit++)
    assert_null(kg_handle_acquire(*state, handle ^ (CK_ULONG)1 << bit));
}

static int by_value(const void *a, const void *b) {
  CK_ULONG left = *(const CK_ULONG *)a, right = *(const CK_ULONG *)b;
  return (left > right) - (left < right);
}

static void no_handle_is_given_out_twice(void **state) {
  enum { ROUNDS = 200000 };
  CK_ULONG *seen = calloc(ROUNDS, sizeof *seen);
  assert_non_null(seen);
  int item = 0;
  for (size_t i = 0; i < ROUNDS; i++) {
    assert_true(kg_handle_open(*state, &item, &seen[i]));
    if (i % 3) assert_true(kg_handle_close(*state, seen[i]));
    if (i % 3 == 0 && i >= 300) assert_true(kg_handle_close(*state, seen[i - 300]));
  }
  qsort(seen, ROUNDS, sizeof *seen, by_value);
  for (size_t i = 1; i < ROUNDS; i++)
    assert_true(seen[i - 1] != seen[i]);
  free(seen);
}

static void another_table_gives_out_other_handles(void **state) {
  struct kg_handles *other = kg_handles_new(count_free);
  CK_ULONG first = 0;
  int item = 0;
  assert_true(kg_handle_open(*state, &item, &first));
  assert_true(kg_handle_close(*state, first));
  CK_ULONG second = 0;
  assert_true(kg_handle_open(other, &item, &second));
  assert_true(first != second);
  assert_null(kg_handle_acquire(other, first));
  kg_handles_free(&other);
}

static void the_ceiling_is_told_and_left_again(void **state) {
  CK_ULONG first = 0;
  int item = 0;
  assert_true(kg_handle_open(*state, &item, &first));
  CK_ULONG handle = 0;
  for (int i = 1; i < KG_HANDLE_LIMIT; i++)
    assert_true(kg_handle_open(*state, &item, &handle));
  assert_false(kg_handle_open(*state, &item, &handle));
  assert_true(kg_handle_close(*state, first));
  assert_true(kg_handle_open(*state, &item, &handle));
}

static void next_walks_over_the_open_ones(void **state) {
  CK_ULONG handles[600];
  int item = 0;
  for (int i = 0; i < 600; i++)
    assert_true(kg_handle_open(*state, &item, &handles[i]));
  for (int i = 0; i < 600; i += 2)
    assert_true(kg_handle_close(*state, handles[i]));
  CK_ULONG handle = 0;
  size_t position = 0, count = 0;
  while ((handle = kg_handle_next(*state, &position)) != 0) {
    assert_int_equal(handle, handles[2 * count + 1]);
    count++;
  }
  assert_int_equal(count, 300);
}

struct shared {
  struct kg_handles *handles;
  _Atomic CK_ULONG current;
  atomic_bool stop;
  atomic_long hits;
};

/* The item says whether it is alive, so that a use after it was freed would be seen. */
static void *use(void *argument) {
  struct shared *shared = argument;
  while (!atomic_load(&shared->stop)) {
    CK_ULONG handle = atomic_load(&shared->current);
    atomic_int *alive = kg_handle_acquire(shared->handles, handle);
    if (alive == NULL) continue;
    if (atomic_load(alive) != 1) abort();
    atomic_fetch_add(&shared->hits, 1);
    kg_handle_release(shared->handles, handle);
  }
  return NULL;
}

static void die(void *item) {
  atomic_store((atomic_int *)item, 0);
  free(item);
}

static void threads_never_meet_a_freed_item(void **state) {
  struct shared shared = {.handles = kg_handles_new(die)};
  (void)state;
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, use, &shared), 0);
  for (int i = 0; i < 20000; i++) {
    atomic_int *item = malloc(sizeof *item);
    atomic_init(item, 1);
    CK_ULONG handle = 0;
    assert_true(kg_handle_open(shared.handles, item, &handle));
    atomic_store(&shared.current, handle);
    while (i == 0 && atomic_load(&shared.hits) == 0)
      continue;
    assert_true(kg_handle_close(shared.handles, handle));
  }
  atomic_store(&shared.stop, true);
  for (int i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
  assert_true(atomic_load(&shared.hits) > 0);
  kg_handles_free(&shared.handles);
}

#define WITH_TABLE(path, function)                                                                                     \
  { path, function, make, drop, NULL }

/* A thread that stops while it holds the table's lock, until the process has forked. */
static atomic_bool is_held, has_forked;
static _Thread_local bool holds;

void __real_kg_mutex_unlock(struct kg_mutex *mutex); /* NOLINT: the linker's name */
void __wrap_kg_mutex_unlock(struct kg_mutex *mutex);
void __wrap_kg_mutex_unlock(struct kg_mutex *mutex) {
  if (holds) {
    atomic_store(&is_held, true);
    while (!atomic_load(&has_forked))
      usleep(100);
  }
  __real_kg_mutex_unlock(mutex);
}

static void *hold(void *handles) {
  size_t position = 0;
  holds = true;
  (void)kg_handle_next(handles, &position);
  return NULL;
}

/* A library that forks inside a call returns into us in the child, too, with the session that the call acquired. */
static void use_in_child(struct kg_handles *handles, CK_ULONG handle) {
  alarm(20);
  kg_handle_release(handles, handle);
  size_t position = 0;
  bool found = kg_handle_acquire(handles, handle) != NULL || kg_handle_close(handles, handle) ||
               kg_handle_next(handles, &position) != 0 || kg_handle_open(handles, handles, &handle);
  _exit(found ? 1 : 0);
}

static void a_child_waits_for_no_lock_and_finds_nothing(void **state) {
  (void)state;
  kg_fork_watch();
  struct kg_handles *handles = kg_handles_new(count_free);
  assert_non_null(handles);
  CK_ULONG handle = 0;
  int item = 0;
  assert_true(kg_handle_open(handles, &item, &handle));
  assert_ptr_equal(kg_handle_acquire(handles, handle), &item);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, hold, handles), 0);
  assert_int_equal(pthread_detach(thread), 0);
  while (!atomic_load(&is_held))
    usleep(100);
  pid_t child = fork();
  if (child == 0) use_in_child(handles, handle);
  atomic_store(&has_forked, true);
  int status = -1;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  kg_handle_release(handles, handle);
  assert_true(kg_handle_close(handles, handle)); /* the parent's is as it was */
  kg_handles_free(&handles);
}

int main(void) {
  const struct CMUnitTest cases[] = {
      WITH_TABLE("/handle/open_handle_leads_to_its_item", open_handle_leads_to_its_item),
      WITH_TABLE("/handle/closed_handle_is_unknown", closed_handle_is_unknown),
      WITH_TABLE("/handle/close_does_not_wait_and_the_last_frees", close_does_not_wait_and_the_last_frees),
      WITH_TABLE("/handle/made_up_handles_are_unknown", made_up_handles_are_unknown),
      WITH_TABLE("/handle/no_handle_is_given_out_twice", no_handle_is_given_out_twice),
      WITH_TABLE("/handle/another_table_gives_out_other_handles", another_table_gives_out_other_handles),
      WITH_TABLE("/handle/the_ceiling_is_told_and_left_again", the_ceiling_is_told_and_left_again),
      WITH_TABLE("/handle/next_walks_over_the_open_ones", next_walks_over_the_open_ones),
      CASE("/handle/threads_never_meet_a_freed_item", threads_never_meet_a_freed_item),
      CASE("/handle/a_child_waits_for_no_lock_and_finds_nothing", a_child_waits_for_no_lock_and_finds_nothing),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
