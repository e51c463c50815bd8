#include "imds.h"

#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#define API_VERSION "2.0" /* MI/V2/ImdsV2ManagedIdentitySource.cs: cred-api-version */

/* MIC/Internal/Constants.cs: the resource id is mi_res_id here; msi_res_id belongs to version 1. */
static const char *const selectors[] = {"client_id", "object_id", "mi_res_id", NULL};
static const char *const arguments[] = {"cred-api-version", "client_id",    "object_id",
                                        "mi_res_id",        "bypass_cache", NULL};

bool az_imds_check_header(struct az_request *request, struct az_answer *answer) {
  const char *metadata = az_request_get_header(request, "Metadata");
  if (metadata == NULL || strcasecmp(metadata, "true") != 0) {
    az_answer_refuse(answer, MHD_HTTP_BAD_REQUEST, "invalid_request", "Required metadata header not specified");
    return false;
  }
  if (az_request_get_header(request, "X-Forwarded-For") != NULL) { /* documented for version 1: no proxies */
    az_answer_refuse(answer, MHD_HTTP_BAD_REQUEST, "invalid_request", "X-Forwarded-For is not allowed");
    return false;
  }
  return true;
}

static bool check_request_id(struct az_request *request, struct az_answer *answer) {
  const char *id = az_request_get_header(request, "x-ms-client-request-id"); /* MIC/OAuth2/OAuthConstants.cs */
  if (id != NULL && az_text_is_guid(id)) return true;
  az_answer_refuse(answer, MHD_HTTP_BAD_REQUEST, "invalid_request", "x-ms-client-request-id is %s",
                   id != NULL ? "not a GUID" : "missing");
  return false;
}

static bool check_arguments(struct az_request *request, struct az_answer *answer) {
  const char *version = az_request_get_argument(request, "cred-api-version");
  /* what the real service does with others is not known; a typo should not pass in a test */
  const char *other = az_request_find_other_argument(request, arguments);
  if (version == NULL || strcmp(version, API_VERSION) != 0)
    az_answer_refuse(answer, MHD_HTTP_BAD_REQUEST, "invalid_request",
                     "cred-api-version is %s: " API_VERSION " expected", version != NULL ? version : "missing");
  else if (other != NULL)
    az_answer_refuse(answer, MHD_HTTP_BAD_REQUEST, "invalid_request", "Unknown query parameter: %s", other);
  else
    return true;
  return false;
}

static bool find_selector(struct az_request *request, struct az_answer *answer, const char **selector) {
  *selector = NULL;
  for (const char *const *name = selectors; *name != NULL; name++) {
    if (az_request_get_argument(request, *name) == NULL) continue;
    if (*selector != NULL) {
      az_answer_refuse(answer, MHD_HTTP_BAD_REQUEST, "invalid_request", "%s and %s cannot be given together", *selector,
                       *name);
      return false;
    }
    *selector = *name;
  }
  return true;
}

static bool find_identity(struct az_request *request, struct az_answer *answer, const struct az_identity **identity) {
  const char *selector;
  if (!find_selector(request, answer, &selector)) return false;
  const char *value = selector != NULL ? az_request_get_argument(request, selector) : NULL;
  cJSON *fact = cJSON_AddObjectToObject(request->facts, "selector");
  cJSON_AddStringToObject(fact, "kind", selector != NULL ? selector : "none");
  if (value != NULL) cJSON_AddStringToObject(fact, "value", value);
  struct az_directory *directory = &request->emulator->directory;
  *identity = az_directory_find(directory, selector, value);
  if (*identity != NULL && selector == NULL && az_emulator_get_settings(request->emulator).other_identity)
    *identity = az_directory_find_name(directory, AZ_IDENTITY_MADE_ANEW);
  if (*identity != NULL) return true;
  az_answer_refuse(answer, MHD_HTTP_BAD_REQUEST, "invalid_request",
                   "Identity not found: the identity is not assigned to this virtual machine (identity not assigned)");
  return false;
}

bool az_imds_check(struct az_request *request, struct az_answer *answer, const char *method,
                   const struct az_identity **identity) {
  if (!az_imds_check_header(request, answer) || !az_answer_require_method(answer, request, method) ||
      !check_request_id(request, answer) || !check_arguments(request, answer) ||
      !find_identity(request, answer, identity))
    return false;
  az_request_note(request, "identity", (*identity)->name);
  return true;
}
