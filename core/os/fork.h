/* How often this process has been forked away from. State that remembers an older number is the parent's:
 * it is abandoned, not locked and not freed (POSIX allows a child of a threaded process nothing else). */
#ifndef KG_CORE_OS_FORK_H
#define KG_CORE_OS_FORK_H

#include <stdint.h>

/* Registers the child handler once; cheap, lock-free and repeatable. The handler adds 1 to an integer and nothing else.
 */
void kg_fork_watch(void);
uint32_t kg_fork_count(void);

#endif
