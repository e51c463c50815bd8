/* keyguardctl provision: obtain the binding where there is no good one. */
#include "core/base/json_add.h"
#include "ctl/command.h"
#include "ctl/describe.h"
#include "ctl/each.h"
#include "ctl/output.h"
#include "ctl/provision.h"

#include <stdlib.h>

struct flags {
  bool force, replace_key;
};

static void report_text(struct kg_run *run, const struct kg_identity *identity,
                        const struct kg_provision_result *result) {
  int64_t now = run->clock->wall(run->clock->context);
  fprintf(run->out, "%s: ", identity->name);
  kg_output_coloured(run->out, KG_COLOUR_GOOD, result->issued ? "issued" : "already good");
  fputc('\n', run->out);
  kg_describe_text(run->out, result->binding, now);
}

static cJSON *report_json(struct kg_run *run, const struct kg_identity *identity,
                          const struct kg_provision_result *result, const struct kg_error *error) {
  cJSON *object = cJSON_CreateObject();
  if (object == NULL) return NULL;
  cJSON_AddStringToObject(object, "identity", identity->name);
  if (error->status != KG_OK) {
    kg_json_add_item(object, "error", kg_output_error_object(error));
    return object;
  }
  cJSON_AddStringToObject(object, "result", result->issued ? "issued" : "good");
  kg_describe_json(object, result->binding, run->clock->wall(run->clock->context));
  return object;
}

/* Adds to `list` with --json, prints otherwise. */
static int provision_here(struct kg_run *run, const struct kg_identity *identity, const void *from, cJSON *list) {
  const struct flags *flags = from;
  const struct kg_provision_options options = {.force = flags->force, .replace_key = flags->replace_key};
  struct kg_provision_result result;
  struct kg_error error = {0};
  enum kg_status status = kg_provision(run->config, identity, &options, run->clock, &result, &error);
  int exit_code = kg_status_exit_code(status);
  if (run->json)
    kg_json_append(list, report_json(run, identity, &result, &error));
  else if (status == KG_OK)
    report_text(run, identity, &result);
  else
    (void)kg_output_error(run, &error);
  kg_binding_free(&result.binding);
  return exit_code;
}

static int provision_all(struct kg_run *run, const struct kg_selection *selection, const struct flags *flags) {
  const struct kg_each each = {
      .command = "provision",
      .flags = {flags->force ? "--force" : NULL, flags->replace_key ? "--replace-key" : NULL},
      .here = provision_here,
      .here_flags = flags,
  };
  cJSON *list = cJSON_CreateArray();
  int exit_code = kg_each_run(run, &each, selection->identities, selection->count, list);
  if (!run->json) {
    cJSON_Delete(list);
    return exit_code;
  }
  if (selection->count == 1 && !selection->all) { /* one was named, so one is answered */
    cJSON *object = cJSON_DetachItemFromArray(list, 0);
    cJSON_Delete(list);
    return kg_output_json(run, object, exit_code);
  }
  cJSON *object = cJSON_CreateObject();
  kg_json_add_item(object, "identities", list);
  return kg_output_json(run, object, exit_code);
}

static int run_provision(const struct kg_command *command, struct kg_run *run, int argc, char **argv) {
  struct flags flags = {0};
  struct kg_selection selection = {0};
  const struct kg_option options[] = {
      {"all", 'a', KG_OPTION_FLAG, &selection.all, NULL, "every configured identity"},
      {"force", 'f', KG_OPTION_FLAG, &flags.force, NULL, "anew, even where the binding is good"},
      {"replace-key", 0, KG_OPTION_FLAG, &flags.replace_key, NULL,
       "destroy a key that does not sign and make a new one, whatever its store"},
      {0}};
  int exit_code = 0;
  if (!kg_command_begin(command, run, options, argc, argv, &selection, &exit_code)) return exit_code;
  exit_code = provision_all(run, &selection, &flags);
  free(selection.identities);
  return exit_code;
}

const struct kg_command kg_command_provision = {
    "provision", "NAME...|--all", "Obtains a certificate for an identity's key, where there is no good one",
    run_provision};
