/* Calls that may fail, do: allocations, files, shared libraries, locks, a token's functions. Which, a seed says. The
 * linker leads the calls of the archives in this program here (--wrap, see CMakeLists.txt); shared libraries keep
 * theirs, but for the token, which is asked through a pointer (fake_token.h). Counts are shared with child processes.
 */
#ifndef KG_TESTS_FAULTS_INJECTOR_H
#define KG_TESTS_FAULTS_INJECTOR_H

#include "keyguard/cryptoki.h"

#include <stdbool.h>
#include <stdint.h>

void injector_setup(void); /* once, before any fork */

enum { INJECTOR_KINDS = 4 }; /* of things to be done, each with calls of its own */
/* Until injector_stop() nothing fails, and which functions this kind of thing calls is learnt. */
void injector_learn(unsigned kind);
/* From here on one call in `rate` fails, as far as chance goes. Some functions are called once and others a thousand
 * times, so round by round another one of those that were learnt has one call that is sure to fail, and until each had
 * its turn nothing fails before that; and where one has failed, the next few fail more often, because what cleans up
 * after failures is what nobody has seen fail. */
void injector_start(unsigned kind, unsigned long round, unsigned rate);
void injector_stop(void);

/* Since the start, in this process: all, or those of one function. */
unsigned injector_failures(void);
unsigned injector_failures_of(const char *function);

/* For fake_token.decide. */
CK_RV injector_token_call(const char *function);

/* What `dlopen` of a path with this end, and `dlsym` in that, answer instead of loading a file: the plugin is linked
 * in, so that its calls can fail, too. */
void injector_substitute(const char *path_end, const char *symbol, void (*function)(void));

/* Prints how often each function was called and failed; the number of those that never failed. */
unsigned injector_report(void);

#endif
