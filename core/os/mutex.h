/* A lock inside one process. Never held while code that is not ours runs, so a fork of the host or a re-entrant token
 * cannot meet it locked: a child abandons it with the state that it is in. */
#ifndef KG_CORE_OS_MUTEX_H
#define KG_CORE_OS_MUTEX_H

struct kg_mutex { /* room for the system's own, which is larger on no platform we build for */
  union {
    void *align;
    unsigned char bytes[64];
  } state;
};

void kg_mutex_init(struct kg_mutex *mutex);
void kg_mutex_destroy(struct kg_mutex *mutex);
void kg_mutex_lock(struct kg_mutex *mutex);
void kg_mutex_unlock(struct kg_mutex *mutex);

#endif
