#include "core/os/fork.h"

/* Windows has no fork. */
void kg_fork_watch(void) {}

uint32_t kg_fork_count(void) {
  return 0;
}
