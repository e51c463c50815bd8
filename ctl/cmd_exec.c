/* keyguardctl exec, env: what a script needs to know to use the key through the module. */
#include "core/os/path.h"
#include "ctl/command.h"
#include "ctl/describe.h"
#include "ctl/environment.h"
#include "ctl/output.h"
#include "ctl/process.h"
#include "ctl/provision.h"

#include <stdlib.h>

enum { VARIABLES = 7 };

static void set(struct kg_process_variable *variable, const char *name, char *value) {
  variable->name = name;
  variable->value = value;
}

static void clear(struct kg_process_variable variables[VARIABLES + 1]) {
  for (int i = 0; i < VARIABLES; i++)
    free(variables[i].value);
}

static enum kg_status fill(const struct kg_config *config, const struct kg_binding *binding,
                           struct kg_process_variable variables[VARIABLES + 1], struct kg_error *error) {
  if (!kg_path_is_absolute(config->path)) /* the module ignores any other */
    return kg_error_set(error, KG_E_USAGE, "--config: the module needs an absolute path, and this is '%.128s'",
                        config->path);
  set(&variables[0], "KEYGUARD_TOKEN_ENDPOINT", kg_strdup(binding->token_endpoint));
  set(&variables[1], "KEYGUARD_CLIENT_ID", kg_strdup(binding->client_id));
  set(&variables[2], "KEYGUARD_TENANT_ID", kg_strdup(binding->tenant_id));
  set(&variables[3], "KEYGUARD_CERT_URI", kg_describe_uri(binding, "cert"));
  set(&variables[4], "KEYGUARD_KEY_URI", kg_describe_uri(binding, "private"));
  set(&variables[5], "KEYGUARD_MODULE", kg_strdup(kg_environment_module()));
  set(&variables[6], "KEYGUARD_CONF", kg_strdup(config->path)); /* the module reads the same one */
  for (int i = 0; i < VARIABLES; i++)
    if (variables[i].value == NULL) return kg_error_no_memory(error, "for the environment");
  return KG_OK;
}

/* The environment of the identity whose name is the first operand. */
static enum kg_status prepare(struct kg_run *run, const struct kg_operands *operands, int names,
                              struct kg_process_variable variables[VARIABLES + 1], struct kg_error *error) {
  const struct kg_identity *identity = NULL;
  enum kg_status status = kg_command_configure(run, error);
  if (status == KG_OK) status = kg_command_require(run, operands, names, &identity, error);
  struct kg_binding *binding = NULL;
  if (status == KG_OK)
    status = kg_provision_find(run->config, identity, run->clock->wall(run->clock->context), &binding, error);
  if (status == KG_OK) status = fill(run->config, binding, variables, error);
  kg_binding_free(&binding);
  return status;
}

static int run_env(const struct kg_command *command, struct kg_run *run, int argc, char **argv) {
  struct kg_operands operands;
  int exit_code = 0;
  if (!kg_command_parse(command, run, NULL, argc, argv, &operands, &exit_code)) return exit_code;
  cJSON *object = run->json ? cJSON_CreateObject() : NULL;
  struct kg_error error = {0};
  struct kg_process_variable variables[VARIABLES + 1] = {{0}};
  if (prepare(run, &operands, operands.count, variables, &error) != KG_OK) {
    cJSON_Delete(object);
    exit_code = kg_output_error(run, &error);
  } else {
    for (const struct kg_process_variable *variable = variables; variable->name != NULL; variable++)
      if (run->json)
        cJSON_AddStringToObject(object, variable->name, variable->value);
      else
        kg_output_assignment(run->out, variable->name, variable->value);
    if (run->json) exit_code = kg_output_json(run, object, 0);
  }
  clear(variables);
  return exit_code;
}

static int run_exec(const struct kg_command *command, struct kg_run *run, int argc, char **argv) {
  struct kg_operands operands;
  int exit_code = 0;
  if (!kg_command_parse(command, run, NULL, argc, argv, &operands, &exit_code)) return exit_code;
  enum kg_status status = KG_OK;
  struct kg_error error = {0};
  if (!operands.separator || operands.before_separator != 1 || operands.count < 2)
    status = kg_error_set(&error, KG_E_USAGE, "NAME -- COMMAND [ARGUMENT...] is expected");
  struct kg_process_variable variables[VARIABLES + 1] = {{0}};
  if (status == KG_OK) status = prepare(run, &operands, operands.before_separator, variables, &error);
  if (status == KG_OK) {
    operands.items[operands.count] = NULL; /* argv's own end, moved up by the options taken out */
    fflush(run->out);
    /* It comes back with the reason, or not at all. */
    if (kg_process_exec(operands.items + 1, variables, &exit_code, &error) == KG_OK) exit_code = 0;
  } else {
    exit_code = kg_status_exit_code(status);
  }
  clear(variables);
  return kg_output_error_as(run, &error, exit_code);
}

const struct kg_command kg_command_env = {"env", "NAME", "Prints what a script needs, for eval in a shell", run_env};
const struct kg_command kg_command_exec = {"exec", "NAME -- COMMAND [ARGUMENT...]",
                                           "Runs a command with what env prints in its environment", run_exec};
