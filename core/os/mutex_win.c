#include "core/os/mutex.h"

#include <windows.h>

_Static_assert(sizeof(SRWLOCK) <= sizeof(struct kg_mutex), "a kg_mutex holds an SRWLOCK");

static SRWLOCK *native(struct kg_mutex *mutex) {
  return (SRWLOCK *)(void *)mutex->state.bytes;
}

void kg_mutex_init(struct kg_mutex *mutex) {
  InitializeSRWLock(native(mutex));
}

void kg_mutex_destroy(struct kg_mutex *mutex) {
  (void)mutex; /* an SRWLOCK owns nothing */
}

void kg_mutex_lock(struct kg_mutex *mutex) {
  AcquireSRWLockExclusive(native(mutex));
}

void kg_mutex_unlock(struct kg_mutex *mutex) {
  ReleaseSRWLockExclusive(native(mutex));
}
