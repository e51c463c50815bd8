#include "core/state/config_file.h"

#include "core/os/file.h"
#include "core/state/config_parse.h"

/* Tens of thousands of identities; against a device or a log that somebody names by mistake. */
#define SIZE_LIMIT ((size_t)16 * 1024 * 1024)

/* Whoever can read the file has the PINs in it, so it must be as closed as a file of nothing but the PIN. */
static enum kg_status check_secrets(const struct kg_config *config, struct kg_error *error) {
  const struct kg_identity *identity = config->identities;
  size_t left = config->identities_count;
  while (left > 0 && !kg_key_uri_holds_secret(identity->key_store))
    identity++, left--;
  if (left == 0) return KG_OK;
  struct kg_error why = {0};
  enum kg_status status = kg_file_check(config->path, KG_TRUST_GRANTED, &why);
  if (status != KG_E_UNTRUSTED) return status == KG_OK ? KG_OK : kg_error_copy(error, &why);
  return kg_error_set(
      error, KG_E_CONFIG,
      "%s:%u: key 'key-store' in [identity %s]: pin-value in a file that others may read: use pin-source, "
      "or chmod go-r '%s' (its group may read it where root owns it)",
      config->path, identity->key_store_line, identity->name, config->path);
}

enum kg_status kg_config_load(const char *path, struct kg_config **out, struct kg_error *error) {
  *out = NULL;
  struct kg_buf text = {0};
  enum kg_status status = kg_file_read(path, SIZE_LIMIT, KG_TRUST_OWNER, &text, NULL, error);
  if (status == KG_E_NOT_FOUND) /* what is missing may be a folder above it */
    status = kg_error_prefix(error, KG_E_CONFIG, "configuration '%s'", path);
  if (status == KG_OK) status = kg_config_parse(path, kg_buf_span(&text), out, error);
  kg_buf_clear(&text);
  if (status == KG_OK) status = check_secrets(*out, error);
  if (status != KG_OK) kg_config_free(out);
  return status;
}
