/* What every subcommand is given: one run of keyguardctl. */
#ifndef KG_CTL_RUN_H
#define KG_CTL_RUN_H

#include "core/base/clock.h"
#include "core/state/config.h"

#include <stdio.h>

struct kg_run {
  FILE *out, *err;
  const struct kg_clock *clock;
  const char *config_path; /* NULL: kg_config_path() */
  bool again;              /* this process is keyguardctl, which may be run once more; a test's program may not */
  bool json, help;
  unsigned verbose;
  struct kg_config *config; /* by kg_command_configure; freed by main */
};

#endif
