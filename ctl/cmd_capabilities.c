/* keyguardctl capabilities: what this host can bind a token to, found out without obtaining or creating anything. */
#include "core/base/json_add.h"
#include "core/base/strength.h"
#include "core/key/key.h"
#include "core/key/pin_memory.h"
#include "core/os/file.h"
#include "core/state/config_parse.h"
#include "ctl/command.h"
#include "ctl/output.h"
#include "ctl/probe.h"
#include "ctl/watchdog.h"
#include "wire/source.h"

#include <stdlib.h>
#include <string.h>

#define BUDGET_DEFAULT_MS 1000 /* docs/protocol.md 1.4: in a chain of credentials nobody waits longer */
#define BUDGET_MAX_MS 120000

struct capabilities {
  struct kg_probe_result probe;
  enum kg_strength strength; /* the strongest that an identity can be bound with now */
  enum kg_strength *of_identity;
};

static const char *version_name(enum kg_probe_version version) {
  static const char *const names[] = {"none", "v1", "v2"};
  return names[version];
}

/* A host without configuration is asked with the built-in values. */
static enum kg_status configure(struct kg_run *run, struct kg_error *error) {
  const char *path = NULL;
  enum kg_status status = kg_command_config_path(run, &path, error);
  if (status != KG_OK) return status;
  struct kg_file_id id;
  if (run->config_path != NULL || kg_file_identify(path, &id) != KG_E_NOT_FOUND)
    return kg_command_configure(run, error);
  return kg_config_parse(path, kg_span_of("", 0), &run->config, error);
}

/* Opened, never made: looking must not leave keys behind. */
static enum kg_status find_strength(const struct kg_config *config, const struct kg_identity *identity,
                                    enum kg_strength *out, struct kg_error *error) {
  *out = KG_STRENGTH_NONE;
  if (!identity->proof_of_possession) return KG_OK;
  struct kg_watchdog watchdog = {.identity = identity->name};
  enum kg_status status = kg_watchdog_start_key(&watchdog, config->deadline_s, error);
  if (status != KG_OK) return status;
  struct kg_key *key = NULL;
  if (kg_key_open(identity->key_store, 0, &key, NULL) == KG_OK && kg_key_probe(key, NULL) == KG_OK)
    *out = kg_key_info(key)->strength;
  kg_key_close(&key);
  kg_watchdog_stop(&watchdog);
  return KG_OK;
}

static enum kg_status look(struct kg_run *run, int64_t budget_ms, struct capabilities *out, struct kg_error *error) {
  const struct kg_config *config = run->config;
  out->of_identity = calloc(config->identities_count + 1, sizeof *out->of_identity);
  if (out->of_identity == NULL) return kg_error_no_memory(error, "for the capabilities");
  struct kg_error refusal = {0};
  if (kg_source_check(&refusal) != KG_OK) { /* the answer is definite, and nobody is asked */
    snprintf(out->probe.reason, sizeof out->probe.reason, "%.250s", refusal.text);
    return KG_OK;
  }
  enum kg_status status = kg_probe_metadata(config, run->clock, budget_ms, &out->probe, error);
  if (status != KG_OK || out->probe.version != KG_PROBE_V2) return status;
  for (size_t i = 0; status == KG_OK && i < config->identities_count; i++) {
    status = find_strength(config, &config->identities[i], &out->of_identity[i], error);
    if (out->of_identity[i] > out->strength) out->strength = out->of_identity[i];
  }
  return status;
}

static int report_json(struct kg_run *run, const struct capabilities *found, int exit_code) {
  cJSON *object = cJSON_CreateObject();
  cJSON_AddStringToObject(object, "managed_identity", version_name(found->probe.version));
  cJSON_AddStringToObject(object, "strength", kg_strength_name(found->strength));
  kg_json_add_filled(object, "reason", found->probe.reason);
  cJSON *list = cJSON_AddArrayToObject(object, "identities");
  for (size_t i = 0; i < run->config->identities_count; i++) {
    cJSON *identity = cJSON_CreateObject();
    cJSON_AddStringToObject(identity, "identity", run->config->identities[i].name);
    cJSON_AddStringToObject(identity, "strength", kg_strength_name(found->of_identity[i]));
    cJSON_AddStringToObject(identity, "minimum_strength", kg_strength_name(run->config->identities[i].floor));
    kg_json_append(list, identity);
  }
  return kg_output_json(run, object, exit_code);
}

static void report_text(struct kg_run *run, const struct capabilities *found) {
  fprintf(run->out, "managed identity: %s\n", version_name(found->probe.version));
  if (found->probe.reason[0]) fprintf(run->out, "  because %s\n", found->probe.reason);
  fprintf(run->out, "strongest binding: %s\n", kg_strength_name(found->strength));
  for (size_t i = 0; i < run->config->identities_count; i++)
    fprintf(run->out, "  %-16s %s (minimum %s)\n", run->config->identities[i].name,
            kg_strength_name(found->of_identity[i]), kg_strength_name(run->config->identities[i].floor));
}

static enum kg_status parse_budget(const char *text, int64_t *out, struct kg_error *error) {
  *out = BUDGET_DEFAULT_MS;
  if (text == NULL) return KG_OK;
  char *end = NULL;
  long value = strspn(text, "0123456789") == strlen(text) ? strtol(text, &end, 10) : 0;
  if (value < 1 || value > BUDGET_MAX_MS)
    return kg_error_set(error, KG_E_USAGE, "--timeout: 1 to %d milliseconds are expected", BUDGET_MAX_MS);
  *out = value;
  return KG_OK;
}

static int run_capabilities(const struct kg_command *command, struct kg_run *run, int argc, char **argv) {
  const char *timeout = NULL;
  const struct kg_option options[] = {
      {"timeout", 't', KG_OPTION_TEXT, &timeout, "MS", "how long to look at most, in all (1000)"}, {0}};
  struct kg_operands operands;
  int exit_code = 0;
  if (!kg_command_parse(command, run, options, argc, argv, &operands, &exit_code)) return exit_code;
  int64_t budget_ms = 0;
  struct kg_error error = {0};
  enum kg_status status = parse_budget(timeout, &budget_ms, &error);
  if (status == KG_OK && operands.count > 0) status = kg_error_set(&error, KG_E_USAGE, "capabilities takes no NAME");
  kg_pin_memory_look_only();
  if (status == KG_OK) status = configure(run, &error);
  struct capabilities found = {0};
  if (status == KG_OK) status = look(run, budget_ms, &found, &error);
  if (status == KG_OK) {
    exit_code = found.probe.version == KG_PROBE_V2 ? 0 : kg_status_exit_code(KG_E_IMDS_V1_ONLY);
    if (run->json)
      exit_code = report_json(run, &found, exit_code);
    else
      report_text(run, &found);
  } else {
    exit_code = kg_output_error(run, &error);
  }
  free(found.of_identity);
  return exit_code;
}

const struct kg_command kg_command_capabilities = {"capabilities", "", "Says what this host can bind a token to",
                                                   run_capabilities};
