#include "ctl/plugin_call.h"

#include "core/base/log.h"
#include "core/base/plugin_error.h"
#include "core/os/machine.h"
#include "ctl/ca_file.h"
#include "ctl/environment.h"
#include "ctl/renew.h"

#include <stdlib.h>
#include <string.h>

static void host_log(void *context, int level, const char *line) {
  (void)context;
  if (level >= KG_LOG_ERROR && level <= KG_LOG_DEBUG) kg_log((enum kg_log_level)level, "plugin: %s", line);
}

static int64_t host_wall(void *context) {
  const struct kg_clock *clock = context;
  return clock->wall(clock->context);
}

static int64_t host_elapsed(void *context) {
  const struct kg_clock *clock = context;
  return clock->elapsed_ms(clock->context);
}

static void host_sleep(void *context, int64_t milliseconds) {
  const struct kg_clock *clock = context;
  clock->sleep_ms(clock->context, milliseconds);
}

static enum kg_plugin_selector selector_of(enum kg_selector selector) {
  switch (selector) {
  case KG_SELECT_CLIENT_ID:
    return KG_PLUGIN_CLIENT_ID;
  case KG_SELECT_OBJECT_ID:
    return KG_PLUGIN_OBJECT_ID;
  case KG_SELECT_RESOURCE_ID:
    return KG_PLUGIN_RESOURCE_ID;
  case KG_SELECT_SYSTEM:
    break;
  }
  return KG_PLUGIN_SYSTEM_ASSIGNED;
}

static enum kg_status list_hosts(struct kg_plugin_call *call, const struct kg_config *config, struct kg_error *error) {
  call->allowed_hosts = calloc(config->allowed_hosts_count + 1, sizeof *call->allowed_hosts);
  if (call->allowed_hosts == NULL) return kg_error_no_memory(error, "to call the plugin");
  for (size_t i = 0; i < config->allowed_hosts_count; i++)
    call->allowed_hosts[i] = config->allowed_hosts[i];
  return KG_OK;
}

enum kg_status kg_plugin_call_init(struct kg_plugin_call *call, const struct kg_config *config,
                                   const struct kg_identity *identity, const struct kg_clock *clock,
                                   int64_t deadline_ms, struct kg_error *error) {
  memset(call, 0, sizeof *call);
  enum kg_status status = kg_environment_metadata_endpoint(config, &call->metadata_endpoint, error);
  if (status == KG_OK) status = kg_ca_file_check(config, error);
  if (status == KG_OK) status = list_hosts(call, config, error);
  if (status == KG_OK) status = kg_plugin_load(config->plugin, &call->plugin, error);
  if (status != KG_OK) return status;
  call->machine_id = kg_machine_id();
  call->host = (struct kg_plugin_host){(void *)clock, host_log, host_wall, host_elapsed, host_sleep};
  call->request = (struct kg_plugin_request){.size = sizeof call->request,
                                             .host = &call->host,
                                             .identity = identity->name,
                                             .selector = selector_of(identity->selector),
                                             .selector_value = identity->selector_value,
                                             .proof_of_possession = identity->proof_of_possession,
                                             .attestation = identity->attestation,
                                             .metadata_endpoint = call->metadata_endpoint,
                                             .attestation_library = config->attestation_library,
                                             .attestation_library_sha256 = config->attestation_library_sha256,
                                             .allowed_hosts = call->allowed_hosts,
                                             .deadline_ms = deadline_ms,
                                             .retry_seed = kg_renew_seed(call->machine_id, identity->name),
                                             .ca_file = config->ca_file};
  return KG_OK;
}

void kg_plugin_call_clear(struct kg_plugin_call *call) {
  kg_plugin_free(&call->plugin);
  free(call->allowed_hosts);
  free(call->metadata_endpoint);
  free(call->machine_id);
  memset(call, 0, sizeof *call);
}

enum kg_status kg_plugin_call_check(const struct kg_config *config, const struct kg_identity *identity,
                                    const struct kg_clock *clock, bool *known, struct kg_error *error) {
  struct kg_plugin_call call;
  enum kg_status status = kg_plugin_call_init(&call, config, identity, clock, 0, error);
  kg_credential_plugin_check_function *check = status == KG_OK ? kg_plugin_find_check(call.plugin) : NULL;
  struct kg_plugin_error failure = {.size = sizeof failure};
  if (check != NULL && check(&call.request, &failure) != 0) status = kg_plugin_error_import(&failure, error);
  *known = check != NULL;
  kg_plugin_call_clear(&call);
  return status;
}
