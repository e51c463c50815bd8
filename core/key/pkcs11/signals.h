/* A call that writes the token is not to be ended by a signal half-way: SoftHSM2 (2.6.1) empties the file that makes
 * the token at each login, and a process that Ctrl-C ends then leaves no token behind. Between these two, signals of
 * this thread wait for the end of the call; but for those that a fault raises, and SIGQUIT, which is for what hangs. */
#ifndef KG_CORE_KEY_PKCS11_SIGNALS_H
#define KG_CORE_KEY_PKCS11_SIGNALS_H

#include <signal.h>

void kg_signals_hold(sigset_t *before);
void kg_signals_release(const sigset_t *before);

#endif
