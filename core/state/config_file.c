#include "core/state/config_file.h"

#include "core/os/file.h"
#include "core/state/config_parse.h"

/* Tens of thousands of identities; against a device or a log that somebody names by mistake. */
#define SIZE_LIMIT ((size_t)16 * 1024 * 1024)

enum kg_status kg_config_load(const char *path, struct kg_config **out, struct kg_error *error) {
  *out = NULL;
  struct kg_buf text = {0};
  enum kg_status status = kg_file_read(path, SIZE_LIMIT, KG_TRUST_OWNER, &text, NULL, error);
  if (status == KG_E_NOT_FOUND) /* what is missing may be a folder above it */
    status = kg_error_prefix(error, KG_E_CONFIG, "configuration '%s'", path);
  if (status == KG_OK) status = kg_config_parse(path, kg_buf_span(&text), out, error);
  kg_buf_clear(&text);
  return status;
}
