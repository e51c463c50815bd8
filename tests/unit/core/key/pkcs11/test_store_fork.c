/* Forks at any moment, threads inside the token or not: a child must never wait for what its parent's threads held. */
#define _DEFAULT_SOURCE /* pthread_barrier_t, usleep */
#include "core/key/key.h"
#include "tests/support/open_key.h"
#include "tests/support/unit.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define THREADS 8
#define FORKS 200
#define URI "pkcs11:token=t;object=a?module-path=" KG_FAKE_FORK_TOKEN

static const unsigned char digest[32] = "what is signed";

/* 0: signed, by this process. */
static int sign(struct kg_key *key) {
  static const struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 32};
  unsigned char signature[KG_SIGNATURE_MAX];
  if (kg_key_sign(key, &params, kg_span_of(digest, sizeof digest), signature, NULL) != KG_OK) return 1;
  int process = 0;
  memcpy(&process, signature + 256 - sizeof process, sizeof process);
  if (process != getpid()) return 2;
  return memcmp(signature, digest, sizeof digest) == 0 ? 0 : 3;
}

static struct kg_key *key;
static atomic_bool over;
static atomic_uint failures;
static pthread_barrier_t started;

/* The first signature opens a session and may allocate; a sanitizer's allocator cannot be forked away from. */
static void *sign_all_the_time(void *argument) {
  if (sign(key) != 0) atomic_fetch_add(&failures, 1);
  pthread_barrier_wait(&started);
  while (!atomic_load(&over))
    if (sign(key) != 0) atomic_fetch_add(&failures, 1);
  return argument;
}

static void *sign_ten_times(void *argument) {
  for (int i = 0; i < 10; i++)
    if (sign(key) != 0) return key;
  return argument;
}

static int sign_in_threads(void) {
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    if (pthread_create(&threads[i], NULL, sign_ten_times, NULL) != 0) return 20;
  int result = 0;
  void *answer = NULL;
  for (int i = 0; i < 4; i++) {
    pthread_join(threads[i], &answer);
    if (answer != NULL) result = 21;
  }
  return result;
}

static int child(int number) {
  int result = sign(key);
  if (result != 0) return result;
  struct kg_key *own = NULL;
  if (open_key_of(URI, 0, &own, NULL) != KG_OK || sign(own) != 0) return 10;
  kg_key_close(&own);
#if !defined(__SANITIZE_THREAD__) /* it refuses threads in such a child */
  if (number % 4 == 0) result = sign_in_threads();
#else
  (void)sign_in_threads;
#endif
  if (number % 2 == 0) kg_key_close(&key);
  return result;
}

static int wait_for(pid_t process) {
  int status = -1;
  while (waitpid(process, &status, 0) < 0 && errno == EINTR)
    continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static int fork_between(int number) {
  pid_t process = fork();
  if (process == 0) {
    alarm(30);
    _exit(child(number));
  }
  return wait_for(process);
}

static void fork_here(void) {
  if (fork() == 0) alarm(30);
}

static int sign_with_it(void) {
  return sign(key);
}

static int open_another(void) {
  struct kg_key *another = NULL;
  enum kg_status status = open_key_of(URI, 0, &another, NULL);
  kg_key_close(&another);
  return status == KG_OK ? 0 : 1;
}

/* The token's library forks in the midst of `call`, so the child is there, too, with a lane of its parent's. */
static int fork_inside_of(int (*call)(void), void (*inside)(void), int number) {
  void (**hook)(void) = dlsym(dlopen(KG_FAKE_FORK_TOKEN, RTLD_NOW | RTLD_LOCAL), "fake_fork_token_inside");
  pid_t parent = getpid();
  assert_non_null(hook);
  *hook = inside;
  int result = call();
  if (getpid() != parent) _exit(child(number));
  return result == 0 ? wait_for(-1) : 200 + result;
}

static int fork_inside(int number) {
  return fork_inside_of(sign_with_it, fork_here, number);
}

static void fork_under_load(int (*fork_one)(int number)) {
  atomic_store(&over, false);
  pthread_barrier_init(&started, NULL, THREADS + 1);
  assert_int_equal(open_key_of(URI, 0, &key, NULL), KG_OK);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, sign_all_the_time, NULL), 0);
  pthread_barrier_wait(&started);
  for (int i = 0; i < FORKS; i++) {
    usleep((useconds_t)(i * 37 % 400));
    assert_int_equal(fork_one(i), 0);
  }
  atomic_store(&over, true);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  assert_int_equal(atomic_load(&failures), 0);
  assert_int_equal(sign(key), 0);
  kg_key_close(&key);
}

static void a_child_signs_whatever_its_parents_threads_do(void **state) {
  (void)state;
  fork_under_load(fork_between);
}

/* One lane for all threads: most forks find a thread in the queue for it, some with the queue's mutex held. */
static void a_child_does_not_wait_in_its_parents_queue(void **state) {
  (void)state;
  setenv("FAKE_FORK_TOKEN_TPM2", "1", 1);
  fork_under_load(fork_between);
  unsetenv("FAKE_FORK_TOKEN_TPM2");
}

static void a_child_of_the_library_leaves_the_parents_lane_alone(void **state) {
  (void)state;
  fork_under_load(fork_inside);
  setenv("FAKE_FORK_TOKEN_TPM2", "1", 1);
  fork_under_load(fork_inside);
  unsetenv("FAKE_FORK_TOKEN_TPM2");
}

/* Another thread signs and stops while it holds the n-th lock that it would give back; then the library forks. */
static struct {
  atomic_bool may_begin, is_held, is_over;
  atomic_uint forks;
} held;
static _Thread_local unsigned unlocks_left, turn; /* turn n ends with the n-th fork */

static void wait_for_fork(void) {
  while (atomic_load(&held.forks) < turn)
    usleep(100);
}

int __real_pthread_mutex_unlock(pthread_mutex_t *mutex); /* NOLINT: the linker's name */
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex) {
  if (unlocks_left > 0 && --unlocks_left == 0) {
    atomic_store(&held.is_held, true);
    wait_for_fork();
  }
  return __real_pthread_mutex_unlock(mutex);
}

static void *sign_and_hold(void *n) {
  while (!atomic_load(&held.may_begin))
    usleep(100);
  unlocks_left = turn = *(unsigned *)n;
  if (sign(key) != 0) atomic_fetch_add(&failures, 1);
  unlocks_left = 0;
  atomic_store(&held.is_over, true);
  wait_for_fork(); /* a sanitizer's end of a thread cannot be forked away from */
  return NULL;
}

static void fork_when_held(void) {
  atomic_store(&held.may_begin, true);
  while (!atomic_load(&held.is_held) && !atomic_load(&held.is_over))
    usleep(100);
  fork_here();
  atomic_fetch_add(&held.forks, 1);
}

/* False: a signature does not give back as many. */
static bool fork_while_held(unsigned n, int (*call)(void)) {
  atomic_store(&held.may_begin, false);
  atomic_store(&held.is_held, false);
  atomic_store(&held.is_over, false);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, sign_and_hold, &n), 0);
  assert_int_equal(pthread_detach(thread), 0); /* a child has it too, and could not join it */
  assert_int_equal(fork_inside_of(call, fork_when_held, 1), 0);
  while (!atomic_load(&held.is_over))
    usleep(100);
  assert_int_equal(atomic_load(&failures), 0);
  return atomic_load(&held.is_held);
}

static void fork_while_each_is_held(int (*call)(void)) {
  assert_int_equal(open_key_of(URI, 0, &key, NULL), KG_OK);
  assert_int_equal(sign(key), 0);
  atomic_store(&held.forks, 0);
  unsigned n = 1;
  while (fork_while_held(n, call))
    n++;
  assert_true(n > 2); /* there were locks to hold */
  kg_key_close(&key);
}

static void a_child_of_the_library_waits_for_no_lock_of_another_thread(void **state) {
  (void)state;
  fork_while_each_is_held(sign_with_it);
  fork_while_each_is_held(open_another);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/store_fork/a_child_signs_whatever_its_parents_threads_do", a_child_signs_whatever_its_parents_threads_do),
      CASE("/store_fork/a_child_does_not_wait_in_its_parents_queue", a_child_does_not_wait_in_its_parents_queue),
      CASE("/store_fork/a_child_of_the_library_leaves_the_parents_lane_alone",
           a_child_of_the_library_leaves_the_parents_lane_alone),
      CASE("/store_fork/a_child_of_the_library_waits_for_no_lock_of_another_thread",
           a_child_of_the_library_waits_for_no_lock_of_another_thread),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
