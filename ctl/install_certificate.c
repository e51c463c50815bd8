/* keyguardctl install-certificate: Windows only. Makes the issued certificate usable by Schannel programs. */
#include "ctl/certificate_store_win.h"
#include "ctl/command.h"
#include "ctl/output.h"
#include "ctl/provision.h"
#include "ctl/watchdog.h"

static enum kg_status key_name(const struct kg_identity *identity, const struct kg_cng_name **out,
                               struct kg_error *error) {
  if (!kg_key_uri_has(identity->key_store, KG_STORE_NATIVE_HANDLE))
    return kg_error_set(error, KG_E_USAGE, "identity %s has a key that is not Windows's own: Schannel can use no other",
                        identity->name);
  *out = kg_key_uri_place(identity->key_store);
  return KG_OK;
}

/* A certificate whose key is dead would make every program that picks it fail. */
static enum kg_status check_key(const struct kg_config *config, const struct kg_identity *identity,
                                const struct kg_binding *binding, struct kg_error *error) {
  struct kg_key *key = NULL;
  struct kg_watchdog watchdog = {.identity = identity->name};
  enum kg_status status = kg_watchdog_start_key(&watchdog, config->deadline_s, error);
  if (status == KG_OK) status = kg_key_open(identity->key_store, 0, &key, error);
  if (status == KG_OK) status = kg_binding_check_key(binding, kg_key_info(key), error);
  if (status == KG_OK) status = kg_key_probe(key, error);
  kg_key_close(&key);
  kg_watchdog_stop(&watchdog);
  return status;
}

static enum kg_status install(struct kg_run *run, const struct kg_identity *identity, const struct kg_cng_name *name,
                              size_t *removed, struct kg_error *error) {
  struct kg_binding *binding = NULL;
  enum kg_status status =
      kg_provision_find(run->config, identity, run->clock->wall(run->clock->context), &binding, error);
  if (status == KG_OK) status = check_key(run->config, identity, binding, error);
  if (status == KG_OK) status = kg_certificate_store_install(binding, name, removed, error);
  kg_binding_free(&binding);
  return status;
}

static int report(struct kg_run *run, const struct kg_identity *identity, const struct kg_cng_name *name, bool remove,
                  size_t removed) {
  const char *store = name->machine ? "LocalMachine\\My" : "CurrentUser\\My";
  cJSON *object;
  if (run->json) {
    object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "identity", identity->name);
    cJSON_AddStringToObject(object, "store", store);
    cJSON_AddBoolToObject(object, "installed", !remove);
    cJSON_AddNumberToObject(object, "removed", (double)removed);
    return kg_output_json(run, object, 0);
  }
  if (!remove) fprintf(run->out, "%s: installed in %s\n", identity->name, store);
  if (removed || remove)
    fprintf(run->out, "%s: %u old entries removed from %s\n", identity->name, (unsigned)removed, store);
  return 0;
}

static int run_install(const struct kg_command *command, struct kg_run *run, int argc, char **argv) {
  bool remove = false;
  const struct kg_option own[] = {
      {"remove", 0, KG_OPTION_FLAG, &remove, NULL, "take the identity's certificates out of the store"}, {0}};
  struct kg_operands operands;
  int exit_code = 0;
  if (!kg_command_parse(command, run, own, argc, argv, &operands, &exit_code)) return exit_code;
  struct kg_error error = {0};
  enum kg_status status = kg_command_configure(run, &error);
  const struct kg_identity *identity = NULL;
  if (status == KG_OK) status = kg_command_require(run, &operands, operands.count, &identity, &error);
  const struct kg_cng_name *name = NULL;
  if (status == KG_OK) status = key_name(identity, &name, &error);
  size_t removed = 0;
  if (status == KG_OK && remove) status = kg_certificate_store_remove(identity->name, name, &removed, &error);
  if (status == KG_OK && !remove) status = install(run, identity, name, &removed, &error);
  return status == KG_OK ? report(run, identity, name, remove, removed) : kg_output_error(run, &error);
}

const struct kg_command kg_command_install_certificate = {
    "install-certificate", "NAME", "Puts the certificate where Schannel programs find it", run_install};
