/* What a subcommand is, and what all of them begin with. */
#ifndef KG_CTL_COMMAND_H
#define KG_CTL_COMMAND_H

#include "core/base/error.h"
#include "core/state/config_file.h"
#include "ctl/options.h"
#include "ctl/run.h"

struct kg_command {
  const char *name, *operands, *summary;
  int (*run)(const struct kg_command *command, struct kg_run *run, int argc, char **argv); /* the exit code */
};

/* --config, --json, --verbose, --help and the table's end. */
enum { KG_COMMON_OPTIONS = 5 };
void kg_command_common_options(struct kg_run *run, struct kg_option out[KG_COMMON_OPTIONS]);

/* Parses the command's own options (`own` may be NULL) with those that every command has. False: the command is over
 * (help was printed, or the usage error was) and `*exit_code` says how. */
bool kg_command_parse(const struct kg_command *command, struct kg_run *run, const struct kg_option *own, int argc,
                      char **argv, struct kg_operands *operands, int *exit_code);
/* --config, KEYGUARD_CONF (KG_E_CONFIG where it is not absolute) or the built-in path. Borrowed. */
KG_MUST_USE enum kg_status kg_command_config_path(const struct kg_run *run, const char **out, struct kg_error *error);
/* Loads the configuration, strictly, and sets the log up. */
KG_MUST_USE enum kg_status kg_command_configure(struct kg_run *run, struct kg_error *error);

/* The identities named by the operands, or all of them. `*out` is freed by the caller. */
KG_MUST_USE enum kg_status kg_command_select(const struct kg_run *run, const struct kg_operands *operands, bool all,
                                             const struct kg_identity ***out, size_t *count, struct kg_error *error);
/* What a command on identities is for. */
struct kg_selection {
  bool all;                              /* --all was given: its option's place */
  bool none_is_all;                      /* set by the command: no NAME means the same */
  const struct kg_identity **identities; /* freed by the caller */
  size_t count;
};
/* kg_command_parse, kg_command_configure and kg_command_select. False: the command is over, as above; what was wrong
 * has been reported. */
bool kg_command_begin(const struct kg_command *command, struct kg_run *run, const struct kg_option *own, int argc,
                      char **argv, struct kg_selection *selection, int *exit_code);
/* The one identity that the first operand names; `count`: how many operands are names. */
KG_MUST_USE enum kg_status kg_command_require(const struct kg_run *run, const struct kg_operands *operands, int count,
                                              const struct kg_identity **out, struct kg_error *error);

extern const struct kg_command kg_command_provision, kg_command_renew, kg_command_status, kg_command_token,
    kg_command_exec, kg_command_env, kg_command_capabilities, kg_command_doctor, kg_command_version;
#if defined(_WIN32)
extern const struct kg_command kg_command_install_certificate;
#endif

#endif
