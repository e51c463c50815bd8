/* keyguardctl renew: for the timer. What is due is renewed; a renewal that fails leaves the old binding in use. */
#include "core/base/json_add.h"
#include "core/base/log.h"
#include "ctl/command.h"
#include "ctl/each.h"
#include "ctl/output.h"
#include "ctl/provision.h"
#include "ctl/renew.h"

#include <stdlib.h>
#include <string.h>

struct outcome {
  const struct kg_identity *identity;
  bool renewed;
  struct kg_error error;      /* of the renewal */
  struct kg_binding *binding; /* in use now: the new one, or the old one; NULL: none */
};

static int64_t now_of(const struct kg_run *run) {
  return run->clock->wall(run->clock->context);
}

static void renew_one(struct kg_run *run, const struct kg_identity *identity, struct outcome *out) {
  *out = (struct outcome){.identity = identity};
  struct kg_provision_result result;
  const struct kg_provision_options options = {.identify = true};
  enum kg_status status = kg_provision(run->config, identity, &options, run->clock, &result, &out->error);
  out->renewed = result.issued;
  out->binding = result.binding;
  /* What is left to live on, for the message: the reason is known already. */
  if (status != KG_OK && kg_provision_find(run->config, identity, now_of(run), &out->binding, NULL) != KG_OK)
    out->binding = NULL;
}

/* How much of the old binding is left, appended to why it was not replaced. */
static void explain(struct kg_run *run, struct outcome *outcome) {
  struct kg_error *error = &outcome->error;
  if (outcome->binding == NULL) {
    kg_error_append(error, "; there is no binding to go on with");
    return;
  }
  struct kg_renew plan = kg_renew_binding(outcome->binding, now_of(run));
  char left[KG_DURATION_SIZE];
  kg_duration_format(plan.left_s, left);
  kg_error_append(error, "; the binding in use lasts %s more", left);
  if (plan.state == KG_RENEW_LATEST)
    kg_log(KG_LOG_ERROR, "'%s': 90 %% of the binding's life is over, %s left", outcome->identity->name, left);
  else if (plan.state == KG_RENEW_LATE)
    kg_log(KG_LOG_WARN, "'%s': 75 %% of the binding's life is over, %s left", outcome->identity->name, left);
}

static void report_text(struct kg_run *run, const struct outcome *outcome) {
  if (outcome->error.status != KG_OK) {
    (void)kg_output_error(run, &outcome->error);
    return;
  }
  struct kg_renew plan = kg_renew_binding(outcome->binding, now_of(run));
  char due[KG_TIME_TEXT_SIZE];
  kg_time_format(plan.due_at, due);
  char left[KG_DURATION_SIZE];
  kg_duration_format(plan.left_s, left);
  fprintf(run->out, "%s: %s, %s left, due %s\n", outcome->identity->name, outcome->renewed ? "renewed" : "not due",
          left, due);
}

static void report_json(struct kg_run *run, const struct outcome *outcome, cJSON *list) {
  cJSON *object = cJSON_CreateObject();
  cJSON_AddStringToObject(object, "identity", outcome->identity->name);
  if (outcome->error.status != KG_OK)
    kg_json_add_item(object, "error", kg_output_error_object(&outcome->error));
  else
    cJSON_AddStringToObject(object, "result", outcome->renewed ? "renewed" : "not_due");
  if (outcome->binding != NULL) {
    struct kg_renew plan = kg_renew_binding(outcome->binding, now_of(run));
    kg_json_add_time(object, "due_at", plan.due_at);
    cJSON_AddStringToObject(object, "renewal", kg_renew_state_name(plan.state));
    cJSON_AddNumberToObject(object, "seconds_left", (double)plan.left_s);
  }
  kg_json_append(list, object);
}

static int renew_here(struct kg_run *run, const struct kg_identity *identity, const void *flags, cJSON *list) {
  (void)flags;
  struct outcome outcome;
  renew_one(run, identity, &outcome);
  if (outcome.error.status != KG_OK) explain(run, &outcome);
  if (run->json)
    report_json(run, &outcome, list);
  else
    report_text(run, &outcome);
  kg_binding_free(&outcome.binding);
  return kg_status_exit_code(outcome.error.status);
}

static int renew_all(struct kg_run *run, const struct kg_identity **identities, size_t count) {
  static const struct kg_each each = {.command = "renew", .here = renew_here};
  cJSON *object = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(object, "identities");
  int exit_code = kg_each_run(run, &each, identities, count, list);
  if (run->json) return kg_output_json(run, object, exit_code);
  cJSON_Delete(object);
  return exit_code;
}

static int run_renew(const struct kg_command *command, struct kg_run *run, int argc, char **argv) {
  struct kg_selection selection = {.none_is_all = true};
  const struct kg_option options[] = {
      {"all", 'a', KG_OPTION_FLAG, &selection.all, NULL, "every configured identity; so does giving no NAME"}, {0}};
  int exit_code = 0;
  if (!kg_command_begin(command, run, options, argc, argv, &selection, &exit_code)) return exit_code;
  exit_code = renew_all(run, selection.identities, selection.count);
  free(selection.identities);
  return exit_code;
}

const struct kg_command kg_command_renew = {
    "renew", "[NAME...|--all]", "Renews what is due; a failure leaves the old certificate in use", run_renew};
