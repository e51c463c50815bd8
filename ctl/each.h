/* One command for several identities: each in a process of its own, one after the other, so that a library that hangs
 * or crashes for one of them takes nothing from the others. */
#ifndef KG_CTL_EACH_H
#define KG_CTL_EACH_H

#include "core/state/identity.h"
#include "ctl/run.h"

#include <cJSON.h>

#define KG_EACH_FLAGS_MAX 4

struct kg_each {
  const char *command;                  /* "renew" */
  const char *flags[KG_EACH_FLAGS_MAX]; /* of the command, to be passed on; the rest NULL */
  /* The command for one identity, in this process: where there is only one, or where run->again is false. */
  int (*here)(struct kg_run *run, const struct kg_identity *identity, const void *flags, cJSON *list);
  const void *here_flags;
};

/* The exit code: of the first that failed. With --json each answer is appended to `list`, as an object with "identity",
 * and "error" where there was one; otherwise each has printed its own. */
int kg_each_run(struct kg_run *run, const struct kg_each *each, const struct kg_identity *const *identities,
                size_t count, cJSON *list);

#endif
