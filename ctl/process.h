/* What the operating system does for this process. */
#ifndef KG_CTL_PROCESS_H
#define KG_CTL_PROCESS_H

#include "core/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Tokens pass through this process: no core dumps; nobody else may write what we make; a closed pipe is an error and
 * not a signal. Best effort. */
void kg_process_harden(void);
bool kg_process_is_terminal(FILE *stream);
/* How much may be written behind a pointer that malloc() gave. */
size_t kg_process_block_size(void *block);
/* From here on with the rights of this user, as a service started for them has. KG_E_USAGE: there is no such user;
 * KG_E_ACCESS: only root can; Windows cannot. */
KG_MUST_USE enum kg_status kg_process_become(const char *user, struct kg_error *error);
/* Whether this is root, at work in a folder of another user's; *owner is who that is. Never on Windows. */
bool kg_process_serves_other(const char *folder, long *owner);
/* Replaces this process; `argv` ends with NULL, `variables` with a NULL name. Returns only where that failed:
 * `*exit_code` is then what a shell ends with, 127 where there is no such command and 126 where it cannot be run. */
struct kg_process_variable {
  const char *name;
  char *value;
};
KG_MUST_USE enum kg_status kg_process_exec(char **argv, const struct kg_process_variable *variables, int *exit_code,
                                           struct kg_error *error);
enum { KG_EXIT_NOT_RUNNABLE = 126, KG_EXIT_NO_COMMAND = 127 };

#endif
