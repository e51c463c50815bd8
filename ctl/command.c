#include "ctl/command.h"

#include "core/key/pin_memory.h"
#include "core/os/path.h"
#include "core/state/config_file.h"
#include "ctl/output.h"

#include <stdlib.h>
#include <string.h>

enum { OPTIONS_MAX = 24 };

void kg_command_common_options(struct kg_run *run, struct kg_option out[KG_COMMON_OPTIONS]) {
  const struct kg_option common[KG_COMMON_OPTIONS] = {
      {"config", 'c', KG_OPTION_TEXT, &run->config_path, "FILE", "the configuration to read"},
      {"json", 0, KG_OPTION_FLAG, &run->json, NULL, "answer with one JSON object"},
      {"verbose", 'v', KG_OPTION_COUNT, &run->verbose, NULL, "say what is done on standard error; twice: in detail"},
      {"help", 'h', KG_OPTION_FLAG, &run->help, NULL, "print this help"},
      {0}};
  memcpy(out, common, sizeof common);
}

static void merge_options(struct kg_run *run, const struct kg_option *own, struct kg_option out[OPTIONS_MAX]) {
  size_t count = 0;
  for (; own != NULL && own->name != NULL && count < OPTIONS_MAX - KG_COMMON_OPTIONS; own++)
    out[count++] = *own;
  kg_command_common_options(run, out + count);
}

static void print_help(FILE *out, const struct kg_command *command, const struct kg_option *options) {
  fprintf(out, "usage: keyguardctl %s [OPTION...]%s%s\n%s.\n\n", command->name, *command->operands ? " " : "",
          command->operands, command->summary);
  kg_options_print(out, options);
}

bool kg_command_parse(const struct kg_command *command, struct kg_run *run, const struct kg_option *own, int argc,
                      char **argv, struct kg_operands *operands, int *exit_code) {
  struct kg_option options[OPTIONS_MAX];
  merge_options(run, own, options);
  struct kg_error error = {0};
  if (kg_options_parse(options, false, argc, argv, operands, &error) != KG_OK) {
    run->json = run->json || kg_options_ask_for("--json", argc, argv);
    *exit_code = kg_output_error(run, &error);
    if (run->json) return false;
    fprintf(run->err, "usage: keyguardctl %s [OPTION...]%s%s\n", command->name, *command->operands ? " " : "",
            command->operands);
    return false;
  }
  if (!run->help) return true;
  print_help(run->out, command, options);
  *exit_code = 0;
  return false;
}

/* The configured level is made for the module, a guest; the command always warns, and says more where it is asked to.
 */
static void configure_log(const struct kg_run *run) {
  const struct kg_config *config = run->config;
  enum kg_log_level asked = run->verbose >= 2 ? KG_LOG_DEBUG : run->verbose == 1 ? KG_LOG_INFO : KG_LOG_WARN;
  if (run->verbose == 0 && config->log_level > KG_LOG_WARN)
    kg_log_configure(config->log_level, config->log_sink);
  else
    kg_log_configure(asked, run->verbose || config->log_level == KG_LOG_OFF ? KG_LOG_STDERR : config->log_sink);
}

/* The module, a guest, ignores a name that it cannot use; whoever types a command wants to know. */
enum kg_status kg_command_config_path(const struct kg_run *run, const char **out, struct kg_error *error) {
  const char *named = getenv("KEYGUARD_CONF");
  *out = run->config_path;
  if (*out != NULL) return KG_OK;
  if (named != NULL && *named && !kg_path_is_absolute(named))
    return kg_error_set(error, KG_E_CONFIG, "environment: KEYGUARD_CONF is '%.128s', which is not an absolute path",
                        named);
  *out = kg_config_path();
  return KG_OK;
}

enum kg_status kg_command_configure(struct kg_run *run, struct kg_error *error) {
  const char *path = NULL;
  enum kg_status status = kg_command_config_path(run, &path, error);
  if (status == KG_OK) status = kg_config_load(path, &run->config, error);
  if (status != KG_OK) return status;
  configure_log(run);
  status = kg_pin_memory_use(run->config->state_dir, run->config->path, true);
  return status == KG_OK ? KG_OK : kg_error_no_memory(error, "for the memory of PINs");
}

static enum kg_status unknown_identity(const struct kg_run *run, const char *name, struct kg_error *error) {
  char known[256] = "";
  for (size_t i = 0; i < run->config->identities_count; i++) {
    size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", run->config->identities[i].name);
  }
  return kg_error_set(error, KG_E_USAGE, "%s has no [identity %.64s]; it has: %s", run->config->path, name,
                      known[0] ? known : "none");
}

enum kg_status kg_command_select(const struct kg_run *run, const struct kg_operands *operands, bool all,
                                 const struct kg_identity ***out, size_t *count, struct kg_error *error) {
  size_t wanted = all ? run->config->identities_count : (size_t)operands->count;
  *count = 0;
  if (all && operands->count > 0) return kg_error_set(error, KG_E_USAGE, "either --all or a NAME, not both");
  if (wanted == 0 && all) return kg_error_set(error, KG_E_CONFIG, "%s has no [identity NAME]", run->config->path);
  if (wanted == 0) return kg_error_set(error, KG_E_USAGE, "which identity? Give its NAME, or --all");
  if ((*out = calloc(wanted, sizeof **out)) == NULL) return kg_error_no_memory(error, "for the identities");
  for (size_t i = 0; i < wanted; i++) {
    (*out)[i] = all ? &run->config->identities[i] : kg_config_find(run->config, operands->items[i]);
    if ((*out)[i] == NULL) {
      free(*out);
      *out = NULL;
      return unknown_identity(run, operands->items[i], error);
    }
  }
  *count = wanted;
  return KG_OK;
}

bool kg_command_begin(const struct kg_command *command, struct kg_run *run, const struct kg_option *own, int argc,
                      char **argv, struct kg_selection *selection, int *exit_code) {
  struct kg_operands operands;
  if (!kg_command_parse(command, run, own, argc, argv, &operands, exit_code)) return false;
  bool all = selection->all || (selection->none_is_all && operands.count == 0);
  struct kg_error error = {0};
  enum kg_status status = kg_command_configure(run, &error);
  if (status == KG_OK)
    status = kg_command_select(run, &operands, all, &selection->identities, &selection->count, &error);
  if (status != KG_OK) *exit_code = kg_output_error(run, &error);
  return status == KG_OK;
}

enum kg_status kg_command_require(const struct kg_run *run, const struct kg_operands *operands, int count,
                                  const struct kg_identity **out, struct kg_error *error) {
  if (count != 1) return kg_error_set(error, KG_E_USAGE, "give the NAME of one identity");
  *out = kg_config_find(run->config, operands->items[0]);
  return *out != NULL ? KG_OK : unknown_identity(run, operands->items[0], error);
}
