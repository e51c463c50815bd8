#include "core/os/mutex.h"

#include <pthread.h>

_Static_assert(sizeof(pthread_mutex_t) <= sizeof(struct kg_mutex), "a kg_mutex holds a pthread_mutex_t");
_Static_assert(_Alignof(pthread_mutex_t) <= _Alignof(struct kg_mutex), "and aligns it");

static pthread_mutex_t *native(struct kg_mutex *mutex) {
  return (pthread_mutex_t *)(void *)mutex->state.bytes;
}

/* A default mutex that is initialised once and locked by one thread at a time cannot fail. */
void kg_mutex_init(struct kg_mutex *mutex) {
  (void)pthread_mutex_init(native(mutex), NULL);
}

void kg_mutex_destroy(struct kg_mutex *mutex) {
  (void)pthread_mutex_destroy(native(mutex));
}

void kg_mutex_lock(struct kg_mutex *mutex) {
  (void)pthread_mutex_lock(native(mutex));
}

void kg_mutex_unlock(struct kg_mutex *mutex) {
  (void)pthread_mutex_unlock(native(mutex));
}
