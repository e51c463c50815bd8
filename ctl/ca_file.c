#include "ctl/ca_file.h"

#include "core/os/file.h"

enum kg_status kg_ca_file_check(const struct kg_config *config, struct kg_error *error) {
  if (config->ca_file == NULL) return KG_OK;
  enum kg_status status = kg_file_check(config->ca_file, KG_TRUST_OWNER, error);
  if (status == KG_E_NOT_FOUND)
    return kg_error_set(error, KG_E_CONFIG, "ca-file '%.300s' is not there", config->ca_file);
  return status == KG_OK ? KG_OK : kg_error_prefix(error, status, "ca-file");
}
