#include "wire/source.h"

#include <openssl/crypto.h>
#include <stdbool.h>
#include <stdlib.h>

#define KILL_SWITCH "MSAL_MI_DISABLE_IMDS_V2" /* NET#6178: "true" in any case, or "1"; anything else is ignored */

static bool is_set(const char *name) {
  const char *value = name != NULL ? getenv(name) : NULL;
  return value != NULL && *value;
}

/* In the order of MI/ManagedIdentityClient.cs; the first row whose variables are all set names the source. */
static const struct source {
  const char *name;
  const char *variables[3];
} sources[] = {
    {"Service Fabric", {"IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IDENTITY_SERVER_THUMBPRINT"}},
    {"App Service", {"IDENTITY_ENDPOINT", "IDENTITY_HEADER", NULL}},
    {"Azure Machine Learning", {"MSI_SECRET", "MSI_ENDPOINT", NULL}},
    {"Cloud Shell", {"MSI_ENDPOINT", NULL, NULL}},
    {"Azure Arc", {"IDENTITY_ENDPOINT", "IMDS_ENDPOINT", NULL}},
};

static bool is_source(const struct source *source) {
  for (size_t i = 0; i < 3 && source->variables[i] != NULL; i++)
    if (!is_set(source->variables[i])) return false;
  return true;
}

static bool is_disabled(void) {
  const char *value = getenv(KILL_SWITCH);
  return value != NULL && (OPENSSL_strcasecmp(value, "true") == 0 || (value[0] == '1' && value[1] == '\0'));
}

enum kg_status kg_source_check(struct kg_error *error) {
  if (is_disabled()) return kg_error_set(error, KG_E_DISABLED, "managed identity v2 is switched off by " KILL_SWITCH);
  for (size_t i = 0; i < sizeof sources / sizeof sources[0]; i++)
    if (is_source(&sources[i]))
      return kg_error_set(error, KG_E_ENVIRONMENT,
                          "the environment (%s) says that this is %s, which has no mTLS proof of possession",
                          sources[i].variables[0], sources[i].name);
  return KG_OK;
}
