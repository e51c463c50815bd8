/* Whether this process is on its way out. A token's library is destroyed by the process's own exit handlers, in an
 * order that nobody controls: from then on it must not be called, not even to be closed. */
#ifndef KG_CORE_OS_EXIT_H
#define KG_CORE_OS_EXIT_H

#include <stdbool.h>

/* To be called when a library has been loaded and initialised: what it registered before runs after what is registered
 * here. The handler sets a flag and does nothing else. */
void kg_exit_watch(void);
bool kg_exit_has_begun(void);

#endif
