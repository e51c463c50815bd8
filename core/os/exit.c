#include "core/os/exit.h"

#include <stdatomic.h>
#include <stdlib.h>

static atomic_bool begun;

static void begin(void) {
  atomic_store(&begun, true);
}

/* Once for each library: the last one to be registered runs first. Where there is no room for a handler the process
 * ends as it would without us. */
void kg_exit_watch(void) {
  (void)atexit(begin);
}

bool kg_exit_has_begun(void) {
  return atomic_load(&begun);
}
