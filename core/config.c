#include "core/config.h"

#include "core/file.h"

#include <stdlib.h>
#include <string.h>

#define SIZE_LIMIT ((size_t)256 * 1024)

enum kg_status kg_config_load(const char *path, struct kg_config **out, struct kg_error *error) {
  struct kg_buf text = {NULL, 0};
  enum kg_status status;

  *out = NULL;
  status = kg_file_read(path, SIZE_LIMIT, KG_TRUST_OWNER, &text, NULL, error);
  if (status == KG_E_NOT_FOUND) {
    kg_error_prefix(error, "configuration '%s'", path); /* what is missing may be a folder above it */
    if (error) error->status = KG_E_CONFIG;
    status = KG_E_CONFIG;
  }
  if (status == KG_OK) status = kg_config_parse(path, kg_buf_span(&text), out, error);
  kg_buf_clear(&text);
  return status;
}

const struct kg_identity *kg_config_find(const struct kg_config *config, const char *name) {
  for (size_t i = 0; i < config->identities_count; i++)
    if (strcmp(config->identities[i].name, name) == 0) return &config->identities[i];
  return NULL;
}

void kg_config_free(struct kg_config **pointer) {
  struct kg_config *config = pointer ? *pointer : NULL;

  if (!config) return;
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
