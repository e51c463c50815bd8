/* keyguardctl status: what there is, and what is wrong with it in one line. */
#include "core/base/json_add.h"
#include "core/key/key.h"
#include "core/key/pin_memory.h"
#include "core/state/binding_reader.h"
#include "ctl/command.h"
#include "ctl/describe.h"
#include "ctl/failure.h"
#include "ctl/output.h"
#include "ctl/provision.h"
#include "ctl/renew.h"
#include "ctl/watchdog.h"

#include <stdlib.h>

struct state { /* of one identity */
  const struct kg_identity *identity;
  struct kg_binding *binding;
  struct kg_error error; /* why the binding is not usable; KG_OK: it is */
  struct kg_failure failure;
  bool has_failure;
};

static int64_t now_of(const struct kg_run *run) {
  return run->clock->wall(run->clock->context);
}

static void check_key(struct kg_run *run, struct state *state) {
  struct kg_key *key = NULL;
  struct kg_watchdog watchdog = {.identity = state->identity->name};
  (void)(kg_watchdog_start_key(&watchdog, run->config->deadline_s, &state->error) == KG_OK &&
         kg_key_open(state->identity->key_store, KG_KEY_PATIENT, &key, &state->error) == KG_OK &&
         kg_binding_check_key(state->binding, kg_key_info(key), &state->error) == KG_OK &&
         kg_key_probe(key, &state->error) == KG_OK); /* the first that failed says so in the state */
  kg_key_close(&key);
  kg_watchdog_stop(&watchdog);
}

static void look(struct kg_run *run, const struct kg_identity *identity, bool with_key, struct state *out) {
  *out = (struct state){.identity = identity};
  char *binding_path = kg_binding_path(run->config->state_dir, identity->name);
  char *failure_path = kg_failure_path(run->config->state_dir, identity->name);
  if (binding_path == NULL || failure_path == NULL) {
    (void)kg_error_no_memory(&out->error, "for a path");
  } else if (kg_binding_load(binding_path, &out->binding, NULL, &out->error) == KG_E_NOT_FOUND) {
    (void)kg_error_set(&out->error, KG_E_NOT_FOUND, "no binding yet: run keyguardctl provision %s", identity->name);
  } else if (out->binding != NULL) {
    enum kg_status status = kg_provision_check(run->config, identity, out->binding, now_of(run), &out->error);
    if (status == KG_OK && with_key) check_key(run, out);
  }
  out->has_failure = failure_path != NULL && kg_failure_load(failure_path, &out->failure);
  free(binding_path);
  free(failure_path);
}

/* A usable binding that needs somebody's attention. NULL: none does. */
static const char *warning(const struct kg_run *run, const struct state *state) {
  switch (kg_renew_binding(state->binding, now_of(run)).state) {
  case KG_RENEW_LATEST:
    return "90 % of its life is over: renewal does not work";
  case KG_RENEW_LATE:
    return "75 % of its life is over: is the timer running?";
  case KG_RENEW_DUE:
    return "due for renewal";
  case KG_RENEW_GOOD:
  case KG_RENEW_ENDED:
    break;
  }
  return NULL;
}

static void print_failure(struct kg_run *run, const struct state *state) {
  if (!state->has_failure) return;
  char at[KG_TIME_TEXT_SIZE];
  kg_time_format(state->failure.at, at);
  fprintf(run->out, "  %-16s %s, %u in a row: %s\n", "last failure", at, state->failure.count,
          state->failure.error.text);
}

static void report_text(struct kg_run *run, const struct state *state) {
  const char *attention = state->error.status == KG_OK ? warning(run, state) : NULL;
  fprintf(run->out, "%s: ", state->identity->name);
  if (state->error.status != KG_OK)
    kg_output_coloured(run->out, KG_COLOUR_BAD, "not usable");
  else
    kg_output_coloured(run->out, attention != NULL ? KG_COLOUR_WARN : KG_COLOUR_GOOD,
                       attention != NULL ? "usable" : "good");
  if (state->error.status != KG_OK || attention != NULL)
    fprintf(run->out, ": %s", attention != NULL ? attention : state->error.text);
  fputc('\n', run->out);
  if (state->binding != NULL) kg_describe_text(run->out, state->binding, now_of(run));
  print_failure(run, state);
}

static cJSON *failure_json(const struct kg_failure *failure) {
  cJSON *object = kg_output_error_object(&failure->error);
  kg_json_add_time(object, "at", failure->at);
  kg_json_add_time(object, "until", failure->until);
  cJSON_AddNumberToObject(object, "count", failure->count);
  return object;
}

static cJSON *report_json(struct kg_run *run, const struct state *state) {
  cJSON *object = cJSON_CreateObject();
  cJSON_AddStringToObject(object, "identity", state->identity->name);
  cJSON_AddBoolToObject(object, "usable", state->error.status == KG_OK);
  if (state->error.status != KG_OK)
    kg_json_add_item(object, "error", kg_output_error_object(&state->error));
  else if (warning(run, state) != NULL)
    cJSON_AddStringToObject(object, "warning", warning(run, state));
  if (state->binding != NULL) kg_describe_json(object, state->binding, now_of(run));
  if (state->has_failure) kg_json_add_item(object, "last_failure", failure_json(&state->failure));
  return object;
}

/* Whatever is wrong, the answer to "is there a usable binding" is one exit code. */
static int report(struct kg_run *run, const struct kg_identity **identities, size_t count, bool with_key) {
  cJSON *object = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(object, "identities");
  int exit_code = 0;
  for (size_t i = 0; i < count; i++) {
    struct state state;
    look(run, identities[i], with_key, &state);
    if (run->json)
      kg_json_append(list, report_json(run, &state));
    else
      report_text(run, &state);
    if (state.error.status != KG_OK) exit_code = kg_status_exit_code(KG_E_BINDING_STALE);
    kg_binding_free(&state.binding);
  }
  if (run->json) return kg_output_json(run, object, exit_code);
  cJSON_Delete(object);
  return exit_code;
}

static int run_status(const struct kg_command *command, struct kg_run *run, int argc, char **argv) {
  struct kg_selection selection = {.none_is_all = true};
  bool with_key = false;
  const struct kg_option options[] = {
      {"all", 'a', KG_OPTION_FLAG, &selection.all, NULL, "every configured identity; so does giving no NAME"},
      {"check-key", 'k', KG_OPTION_FLAG, &with_key, NULL, "open the key store too, and make a signature"},
      {0}};
  int exit_code = 0;
  kg_pin_memory_look_only();
  if (!kg_command_begin(command, run, options, argc, argv, &selection, &exit_code)) return exit_code;
  exit_code = report(run, selection.identities, selection.count, with_key);
  free(selection.identities);
  return exit_code;
}

const struct kg_command kg_command_status = {"status", "[NAME...|--all]",
                                             "Says what was issued, until when, and what is wrong", run_status};
