#include "ctl/environment.h"

#include "core/buf.h"
#include "wire/endpoint.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char kill_switch[] = "MSAL_MI_DISABLE_IMDS_V2";              /* NET#6178 */
static const char authority_host[] = "AZURE_POD_IDENTITY_AUTHORITY_HOST"; /* MI/EnvironmentVariables.cs */

/* Which variables mean which source, first match first (MI/ManagedIdentityClient.cs). */
static const struct {
  const char *variables[3];
  const char *source;
} sources[] = {
    {{"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT"}, "Service Fabric"},
    {{"IDENTITY_ENDPOINT", "IDENTITY_HEADER", NULL}, "App Service"},
    {{"MSI_SECRET", "MSI_ENDPOINT", NULL}, "Azure Machine Learning"},
    {{"MSI_ENDPOINT", NULL, NULL}, "Cloud Shell"},
    {{"IDENTITY_ENDPOINT", "IMDS_ENDPOINT", NULL}, "Azure Arc"},
};

static bool is_set(const char *name) {
  const char *value = getenv(name);
  return value && *value;
}

static bool all_set(const char *const variables[3]) {
  for (int i = 0; i < 3 && variables[i]; i++)
    if (!is_set(variables[i])) return false;
  return true;
}

static bool is_true(const char *value) {
  static const char word[] = "true";
  if (!value) return false;
  if (strcmp(value, "1") == 0) return true;
  size_t i = 0;
  while (word[i] && tolower((unsigned char)value[i]) == word[i])
    i++;
  return word[i] == 0 && value[i] == 0;
}

enum kg_status kg_environment_check(struct kg_error *error) {
  if (is_true(getenv(kill_switch)))
    return kg_error_set(error, KG_E_DISABLED,
                        "managed identity v2 is switched off by %s; there is no fallback to version 1", kill_switch);
  for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
    if (all_set(sources[i].variables))
      return kg_error_set(error, KG_E_ENVIRONMENT,
                          "%s is set: %s has no proof of possession; unset it where this is a virtual machine",
                          sources[i].variables[0], sources[i].source);
  return KG_OK;
}

/* Blanks around it are not the address's (PY). */
static enum kg_status parse_host(const char *text, char **out, struct kg_error *error) {
  char trimmed[512];
  size_t start = strspn(text, " \t\r\n"), len = strlen(text + start);
  while (len > 0 && isspace((unsigned char)text[start + len - 1]))
    len--;
  if (len >= sizeof trimmed) return kg_error_set(error, KG_E_CONFIG, "environment: %s is too long", authority_host);
  memcpy(trimmed, text + start, len);
  trimmed[len] = 0;
  enum kg_status status = kg_endpoint_check_metadata(trimmed, out, error);
  return status == KG_OK ? KG_OK : kg_error_prefix(error, "environment: %s", authority_host);
}

enum kg_status kg_environment_metadata_endpoint(const struct kg_config *config, char **out, struct kg_error *error) {
  static bool logged;
  const char *value = getenv(authority_host);
  *out = NULL;
  if (config->metadata_endpoint) {
    *out = kg_strdup(config->metadata_endpoint);
    return *out ? KG_OK : kg_error_set(error, KG_E_NO_MEMORY, "out of memory");
  }
  if (!value || value[strspn(value, " \t\r\n")] == 0) return KG_OK;
  enum kg_status status = parse_host(value, out, error);
  if (status == KG_OK && !logged) {
    kg_log(KG_LOG_INFO, "metadata service at %s, from %s", *out, authority_host);
    logged = true;
  }
  return status;
}
