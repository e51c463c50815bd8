/* pthread_cancel(3) ends a thread wherever it waits: with a mutex locked, a lane taken, a session counted, in our code
 * or in a token's. Between these two it waits for the end of the call. */
#ifndef KG_CORE_OS_CANCEL_H
#define KG_CORE_OS_CANCEL_H

#define KG_CANCEL_KEPT (-1) /* what kg_cancel_defer() never returns */

int kg_cancel_defer(void); /* what kg_cancel_restore is given */
void kg_cancel_restore(int before);

#endif
