#include "core/state/config.h"

#include <stdlib.h>
#include <string.h>

const struct kg_identity *kg_config_find(const struct kg_config *config, const char *name) {
  for (size_t i = 0; i < config->identities_count; i++)
    if (strcmp(config->identities[i].name, name) == 0) return &config->identities[i];
  return NULL;
}

void kg_config_free(struct kg_config **pointer) {
  struct kg_config *config = pointer != NULL ? *pointer : NULL;
  if (config == NULL) return;
  for (size_t i = 0; i < config->identities_count; i++)
    kg_identity_clear(&config->identities[i]);
  for (size_t i = 0; i < config->allowed_hosts_count; i++)
    free(config->allowed_hosts[i]);
  free(config->identities);
  free(config->allowed_hosts);
  free(config->path);
  free(config->state_dir);
  free(config->plugin);
  free(config->metadata_endpoint);
  free(config->attestation_library);
  free(config->attestation_library_sha256);
  free(config->ca_file);
  free(config->proxy);
  free(config);
  *pointer = NULL;
}
