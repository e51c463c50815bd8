#include "core/key/pkcs11/host.h"

#include "core/os/library.h"

#include <stdatomic.h>
#include <stddef.h>

typedef int (*queue_function)(void); /* ERR_set_mark and ERR_pop_to_mark of libcrypto (ERR_set_mark(3)) */

static _Atomic(queue_function) set_mark, pop_to_mark;

/* In the library and what it needs, in that order; not in the host. */
static queue_function find(void *library, const char *name) {
  return (queue_function)kg_library_find(library, name);
}

void kg_host_learn(void *library) {
  queue_function set = find(library, "ERR_set_mark"), pop = find(library, "ERR_pop_to_mark");
  if (set == NULL || pop == NULL) return;
  atomic_store(&pop_to_mark, pop);
  atomic_store(&set_mark, set);
}

bool kg_host_enter(void) {
  queue_function set = atomic_load(&set_mark);
  if (set == NULL) return false;
  (void)set(); /* 0 where the queue is empty: then popping empties it again */
  return true;
}

void kg_host_leave(bool entered) {
  queue_function pop = atomic_load(&pop_to_mark);
  if (entered) (void)pop();
}
