#include "core/os/cancel.h"

#include <pthread.h>

int kg_cancel_defer(void) {
  int before = PTHREAD_CANCEL_ENABLE;
  (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
  return before;
}

void kg_cancel_restore(int before) {
  (void)pthread_setcancelstate(before, NULL);
}
