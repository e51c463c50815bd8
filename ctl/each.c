#include "ctl/each.h"

#include "core/base/json.h"
#include "core/base/json_add.h"
#include "ctl/output.h"
#include "ctl/subprocess.h"
#include "ctl/watchdog.h"

/* A look at the binding, a wait for the lock and an acquisition: each has its end, so this is met by what ends none. */
static int64_t limit_ms(const struct kg_run *run) {
  return 3 * ((int64_t)run->config->deadline_s * 1000 + 2 * KG_WATCHDOG_GRACE_MS);
}

enum { ARGUMENTS_MAX = 8 + KG_EACH_FLAGS_MAX };

static void add(char **argv, const char *argument) {
  size_t count = 0;
  while (argv[count] != NULL)
    count++;
  if (argument != NULL && count < ARGUMENTS_MAX - 1) argv[count] = (char *)(uintptr_t)argument;
}

static void fill(const struct kg_run *run, const struct kg_each *each, const struct kg_identity *identity,
                 char *argv[ARGUMENTS_MAX]) {
  add(argv, "keyguardctl");
  if (run->json) add(argv, "--json");
  if (run->verbose > 0) add(argv, run->verbose == 1 ? "-v" : "-vv");
  if (run->config_path != NULL) {
    add(argv, "--config");
    add(argv, run->config_path);
  }
  add(argv, each->command);
  for (size_t i = 0; i < KG_EACH_FLAGS_MAX; i++)
    add(argv, each->flags[i]);
  add(argv, identity->name);
}

/* What one identity's process printed: an object, or a list of one. NULL: neither. */
static cJSON *take_answer(const struct kg_buf *output) {
  cJSON *object = kg_json_parse(kg_buf_span(output), KG_E_BUG, NULL);
  cJSON *list = cJSON_GetObjectItemCaseSensitive(object, "identities");
  if (!cJSON_IsArray(list)) return object;
  cJSON *answer = cJSON_DetachItemFromArray(list, 0);
  cJSON_Delete(object);
  return answer;
}

/* An error that is not of one identity (the configuration was changed meanwhile, say) is that of each. */
static cJSON *answer_json(const struct kg_identity *identity, const struct kg_buf *output, struct kg_error *error) {
  cJSON *answer = error->status == KG_OK ? take_answer(output) : NULL;
  if (answer != NULL && cJSON_HasObjectItem(answer, "identity")) return answer;
  if (answer == NULL && error->status == KG_OK)
    (void)kg_error_set(error, KG_E_BUG, "keyguardctl for '%s' answered with no JSON", identity->name);
  if (answer == NULL) answer = cJSON_CreateObject();
  cJSON_AddStringToObject(answer, "identity", identity->name);
  if (error->status != KG_OK) kg_json_add_item(answer, "error", kg_output_error_object(error));
  return answer;
}

static int run_again(struct kg_run *run, const struct kg_each *each, const struct kg_identity *identity, cJSON *list) {
  char *argv[ARGUMENTS_MAX] = {NULL};
  fill(run, each, identity, argv);
  struct kg_buf output = {0};
  struct kg_error error = {0};
  int exit_code = 0;
  fflush(run->out);
  enum kg_status status = kg_subprocess_run(argv, limit_ms(run), run->json ? &output : NULL, &exit_code, &error);
  if (status != KG_OK) {
    (void)kg_error_prefix(&error, status, "keyguardctl %s %s", each->command, identity->name);
    exit_code = kg_status_exit_code(status);
  }
  if (run->json)
    kg_json_append(list, answer_json(identity, &output, &error));
  else if (status != KG_OK)
    (void)kg_output_error(run, &error);
  if (exit_code == 0) exit_code = kg_status_exit_code(error.status);
  kg_buf_clear(&output);
  return exit_code;
}

int kg_each_run(struct kg_run *run, const struct kg_each *each, const struct kg_identity *const *identities,
                size_t count, cJSON *list) {
  bool here = count == 1 || !run->again;
  int exit_code = 0;
  for (size_t i = 0; i < count; i++) {
    int code =
        here ? each->here(run, identities[i], each->here_flags, list) : run_again(run, each, identities[i], list);
    /* What may pass comes before what a person has to mend: then it is worth to try again. */
    if (exit_code == 0 || (code != 0 && kg_status_needs_a_person(exit_code))) exit_code = code;
  }
  return exit_code;
}
