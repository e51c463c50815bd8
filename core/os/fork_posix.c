#include "core/os/fork.h"

#include <pthread.h>
#include <stdatomic.h>

static atomic_uint_least32_t forks;
static atomic_flag watching = ATOMIC_FLAG_INIT;

/* Runs in the child of a threaded process: nothing but this addition is allowed here. */
static void count_child(void) {
  atomic_fetch_add(&forks, 1);
}

void kg_fork_watch(void) {
  if (atomic_flag_test_and_set(&watching)) return;
  if (pthread_atfork(NULL, NULL, count_child) != 0) atomic_flag_clear(&watching); /* no memory: the next call tries */
}

uint32_t kg_fork_count(void) {
  return atomic_load(&forks);
}
