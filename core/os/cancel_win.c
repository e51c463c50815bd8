#include "core/os/cancel.h"

/* There is nothing like it here: TerminateThread does not ask. */
int kg_cancel_defer(void) {
  return 0;
}

void kg_cancel_restore(int before) {
  (void)before;
}
