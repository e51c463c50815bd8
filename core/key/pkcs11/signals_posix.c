#include "core/key/pkcs11/signals.h"

#include <stddef.h>

void kg_signals_hold(sigset_t *before) {
  static const int kept[] = {SIGQUIT, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP, SIGSYS};
  sigset_t held;
  (void)sigfillset(&held);
  for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
    (void)sigdelset(&held, kept[i]);
  (void)pthread_sigmask(SIG_BLOCK, &held, before);
}

void kg_signals_release(const sigset_t *before) {
  (void)pthread_sigmask(SIG_SETMASK, before, NULL);
}
