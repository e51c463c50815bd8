/* keyguardctl doctor: why it does not work here and for this user, and what to do. */
#include "core/base/json_add.h"
#include "core/key/pin_memory.h"
#include "core/os/file.h"
#include "ctl/doctor.h"
#include "ctl/output.h"
#include "ctl/process.h"

#include <stdlib.h>
#include <string.h>

static const struct {
  const char *word, *json;
  enum kg_colour colour;
} levels[] = {[KG_FINDING_OK] = {"ok  ", "ok", KG_COLOUR_GOOD},
              [KG_FINDING_WARN] = {"warn", "warn", KG_COLOUR_WARN},
              [KG_FINDING_FAIL] = {"FAIL", "fail", KG_COLOUR_BAD},
              [KG_FINDING_SKIP] = {"skip", "skip", KG_COLOUR_NONE}};

static void print_finding(struct kg_run *run, const struct kg_finding *finding) {
  kg_output_coloured(run->out, levels[finding->level].colour, levels[finding->level].word);
  fprintf(run->out, " %s%s%s: %s%s%s\n", finding->identity, finding->identity[0] ? " " : "", finding->check,
          finding->symptom, finding->cure[0] ? " -> " : "", finding->cure);
}

static cJSON *finding_json(const struct kg_finding *finding) {
  cJSON *object = cJSON_CreateObject();
  cJSON_AddStringToObject(object, "check", finding->check);
  kg_json_add_filled(object, "identity", finding->identity);
  cJSON_AddStringToObject(object, "level", levels[finding->level].json);
  cJSON_AddStringToObject(object, "symptom", finding->symptom);
  kg_json_add_filled(object, "cure", finding->cure);
  if (finding->status != KG_OK) cJSON_AddStringToObject(object, "status", kg_status_name(finding->status));
  return object;
}

static enum kg_status first_failure(const struct kg_doctor *doctor, bool serving) {
  for (size_t i = 0; i < doctor->count; i++)
    if (doctor->findings[i].level == KG_FINDING_FAIL && doctor->findings[i].serving == serving)
      return doctor->findings[i].status;
  return KG_OK;
}

/* The first failure decides, and before all others one that keeps from signing. Without any, there must still have been
 * a signature. */
static int exit_code_of(const struct kg_doctor *doctor) {
  enum kg_status status = first_failure(doctor, false);
  if (status == KG_OK) status = first_failure(doctor, true);
  if (status == KG_OK && doctor->incomplete) status = KG_E_NO_MEMORY;
  if (status == KG_OK && doctor->signatures == 0) status = KG_E_NOT_FOUND;
  return kg_status_exit_code(status);
}

static int report(const struct kg_doctor *doctor) {
  struct kg_run *run = doctor->run;
  int exit_code = exit_code_of(doctor);
  if (!run->json) {
    for (size_t i = 0; i < doctor->count; i++)
      print_finding(run, &doctor->findings[i]);
    return exit_code;
  }
  cJSON *object = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(object, "checks");
  for (size_t i = 0; i < doctor->count; i++)
    kg_json_append(list, finding_json(&doctor->findings[i]));
  cJSON_AddBoolToObject(object, "healthy", exit_code == 0);
  return kg_output_json(run, object, exit_code);
}

static void examine_configured(struct kg_doctor *doctor, const struct kg_identity **identities, size_t count) {
  kg_doctor_check_state(doctor);
  kg_doctor_check_plugin(doctor);
  kg_doctor_check_slots(doctor);
  if (kg_doctor_check_ca_file(doctor)) kg_doctor_check_metadata(doctor);
  for (size_t i = 0; i < count; i++)
    kg_doctor_check_identity(doctor, identities[i]);
  kg_doctor_name_unasked(doctor);
}

static enum kg_cure cure_of_configuration(const struct kg_run *run, const struct kg_error *error) {
  const char *path = NULL;
  struct kg_file_id id;
  if (kg_command_config_path(run, &path, NULL) != KG_OK) return KG_CURE_CONFIGURATION_NAME;
  if (kg_file_identify(path, &id) == KG_E_NOT_FOUND) return KG_CURE_CONFIGURATION_MISSING;
  return error->status == KG_E_CONFIG && run->config != NULL ? KG_CURE_NO_IDENTITY : KG_CURE_NONE;
}

/* KG_E_USAGE is the only failure that is not a finding. */
static enum kg_status examine(struct kg_doctor *doctor, const struct kg_operands *operands, struct kg_error *error) {
  struct kg_run *run = doctor->run;
  const struct kg_identity **identities = NULL;
  size_t count = 0;
  kg_pin_memory_look_only();
  if (kg_command_configure(run, error) != KG_OK) {
    kg_doctor_fail(doctor, "configuration", cure_of_configuration(run, error), error);
  } else {
    enum kg_status status = kg_command_select(run, operands, operands->count == 0, &identities, &count, error);
    if (status == KG_E_USAGE) return status;
    if (status != KG_OK)
      kg_doctor_fail(doctor, "configuration", cure_of_configuration(run, error), error);
    else
      kg_doctor_ok(doctor, "configuration", "%s, %zu identities", run->config->path, run->config->identities_count);
    examine_configured(doctor, identities, count);
  }
  free(identities);
  kg_doctor_check_module(doctor);
  kg_doctor_check_openssl(doctor);
  kg_doctor_check_p11kit(doctor);
  return KG_OK;
}

static int run_doctor(const struct kg_command *command, struct kg_run *run, int argc, char **argv) {
  const char *user = NULL;
  const struct kg_option options[] = {
      {"user", 'u', KG_OPTION_TEXT, &user, "USER", "look as this user, who is going to sign; root only"}, {0}};
  struct kg_operands operands;
  int exit_code = 0;
  if (!kg_command_parse(command, run, options, argc, argv, &operands, &exit_code)) return exit_code;
  struct kg_error error = {0};
  if (user != NULL && kg_process_become(user, &error) != KG_OK) return kg_output_error(run, &error);
  struct kg_doctor doctor = {.run = run, .report = report};
  enum kg_status status = examine(&doctor, &operands, &error);
  exit_code = status == KG_OK ? report(&doctor) : kg_output_error(run, &error);
  kg_plugin_free(&doctor.plugin);
  free(doctor.findings);
  return exit_code;
}

const struct kg_command kg_command_doctor = {"doctor", "[NAME...]",
                                             "Looks for what is wrong, as this user, and says what to do", run_doctor};
