#include "ctl/environment.h"

#include "core/base/buf.h"
#include "core/os/path.h"
#include "ctl/installed.h"
#include "wire/endpoint.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char authority_host[] = "AZURE_POD_IDENTITY_AUTHORITY_HOST"; /* MI/EnvironmentVariables.cs */

/* Blanks around it are not the address's (PY). */
static enum kg_status parse_host(const char *text, char **out, struct kg_error *error) {
  size_t start = strspn(text, " \t\r\n"), len = strlen(text + start);
  while (len > 0 && isspace((unsigned char)text[start + len - 1]))
    len--;
  char trimmed[512];
  if (len >= sizeof trimmed) return kg_error_set(error, KG_E_CONFIG, "environment: %s is too long", authority_host);
  memcpy(trimmed, text + start, len);
  trimmed[len] = 0;
  enum kg_status status = kg_endpoint_check_metadata(trimmed, out, error);
  return status == KG_OK ? KG_OK : kg_error_prefix(error, status, "environment: %s", authority_host);
}

enum kg_status kg_environment_metadata_endpoint(const struct kg_config *config, char **out, struct kg_error *error) {
  static bool logged;
  const char *value = getenv(authority_host);
  *out = NULL;
  if (config->metadata_endpoint != NULL) {
    *out = kg_strdup(config->metadata_endpoint);
    return *out != NULL ? KG_OK : kg_error_no_memory(error, "for the metadata endpoint");
  }
  if (value == NULL || value[strspn(value, " \t\r\n")] == 0) return KG_OK;
  enum kg_status status = parse_host(value, out, error);
  if (status == KG_OK && !logged) {
    kg_log(KG_LOG_INFO, "metadata service at %s, from %s", *out, authority_host);
    logged = true;
  }
  return status;
}

const char *kg_environment_module(void) {
  const char *path = getenv("KEYGUARD_MODULE");
  return path != NULL && kg_path_is_absolute(path) ? path : KG_MODULE_PATH;
}
