#include "plugin/metadata.h"

#include "core/base/json.h"
#include "core/base/log.h"
#include "plugin/leg.h"
#include "wire/endpoint.h"
#include "wire/redact.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#define SERVER "IMDS" /* the header is "IMDS/150.870.65.1854" and the like: MI/V2/ImdsV2ManagedIdentitySource.cs */
#define ID_MAX 64     /* X.520 ub-common-name; ids are GUIDs */

/* Guards against having reached something else, not against an attacker (docs/protocol.md 2.4). */
static bool server_is_imds(const char *server) {
  size_t len = sizeof SERVER - 1;
  return OPENSSL_strncasecmp(server, SERVER, len) == 0 && (server[len] == '\0' || server[len] == '/');
}

/* It becomes a PrintableString, an IA5String and a part of a URL's path: letters, digits, hyphen and dot fit all three.
 */
static bool id_is_valid(const char *id) {
  const char *allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.";
  return strlen(id) <= ID_MAX && strspn(id, allowed) == strlen(id);
}

static enum kg_status require_id(const cJSON *object, const char *name, char **out, struct kg_error *error) {
  const char *text = NULL;
  enum kg_status status = kg_json_require_string(object, name, KG_E_IMDS_FAILED, &text, error);
  if (status != KG_OK) return status;
  if (!id_is_valid(text)) return kg_error_set(error, KG_E_IMDS_FAILED, "member '%s' is not an identifier", name);
  *out = kg_strdup(text);
  return *out != NULL ? KG_OK : kg_error_no_memory(error, "for the metadata");
}

/* It only becomes a JSON string. */
static bool unit_is_valid(const char *text) {
  size_t len = 0;
  while (text[len] >= ' ' && text[len] <= '~')
    len++;
  return text[len] == '\0' && len <= 4 * ID_MAX;
}

/* Absent, null and empty are the same: the member is then left out of the request (docs/protocol.md 4.1). */
static enum kg_status take_unit(const cJSON *object, const char *name, char **out, struct kg_error *error) {
  const char *text = NULL;
  enum kg_status status = kg_json_optional_string(object, name, KG_E_IMDS_FAILED, &text, error);
  if (status != KG_OK || text == NULL || !*text) return status;
  if (!unit_is_valid(text)) return kg_error_set(error, KG_E_IMDS_FAILED, "member '%s' is not an identifier", name);
  *out = kg_strdup(text);
  return *out != NULL ? KG_OK : kg_error_no_memory(error, "for the metadata");
}

static enum kg_status take_units(const cJSON *json, struct kg_metadata *out, struct kg_error *error) {
  const cJSON *unit = cJSON_GetObjectItemCaseSensitive(json, "cuId");
  if (unit == NULL) return kg_error_set(error, KG_E_IMDS_FAILED, "member 'cuId' is missing");
  if (!cJSON_IsObject(unit)) return kg_error_set(error, KG_E_IMDS_FAILED, "member 'cuId' is not an object");
  enum kg_status status = take_unit(unit, "vmId", &out->vm_id, error);
  if (status == KG_OK) status = take_unit(unit, "vmssId", &out->vmss_id, error);
  if (status == KG_OK && out->vm_id == NULL && out->vmss_id == NULL)
    status = kg_error_set(error, KG_E_IMDS_FAILED, "member 'cuId' has neither vmId nor vmssId");
  return status;
}

static enum kg_status take_endpoint(const struct kg_plugin_request *request, const cJSON *json, char **out,
                                    struct kg_error *error) {
  const char *name = "attestationEndpoint", *text = NULL;
  enum kg_status status;
  if (request->attestation)
    status = kg_json_require_string(json, name, KG_E_IMDS_FAILED, &text, error);
  else
    status = kg_json_optional_string(json, name, KG_E_IMDS_FAILED, &text, error);
  if (status != KG_OK || !request->attestation) return status;
  return kg_endpoint_check("attestation endpoint", text, request->allowed_hosts, out, error);
}

static enum kg_status check_identity(const struct kg_plugin_request *request, const struct kg_metadata *metadata,
                                     struct kg_error *error) {
  if (request->selector != KG_PLUGIN_CLIENT_ID || OPENSSL_strcasecmp(request->selector_value, metadata->client_id) == 0)
    return KG_OK;
  char asked[64];
  kg_redact(request->selector_value, asked, sizeof asked);
  return kg_error_set(error, KG_E_IDENTITY, "client id %s was asked for, and %s answered", asked, metadata->client_id);
}

enum kg_status kg_metadata_parse(const struct kg_plugin_request *request, struct kg_span body, struct kg_metadata *out,
                                 struct kg_error *error) {
  cJSON *json = kg_json_parse(body, KG_E_IMDS_FAILED, error);
  enum kg_status status = json != NULL ? KG_OK : KG_E_IMDS_FAILED;
  if (status == KG_OK) status = require_id(json, "clientId", &out->client_id, error);
  if (status == KG_OK) status = require_id(json, "tenantId", &out->tenant_id, error);
  if (status == KG_OK) status = take_units(json, out, error);
  if (status == KG_OK) status = take_endpoint(request, json, &out->attestation_endpoint, error);
  if (status == KG_OK) status = check_identity(request, out, error);
  cJSON_Delete(json);
  if (status != KG_OK) kg_metadata_clear(out);
  return status;
}

/* Identifiers whole only when debugging (docs/pitfalls.md 50). */
static void log_identity(const struct kg_acquisition *acquisition, const struct kg_metadata *metadata) {
  char client[64];
  kg_log_mask(metadata->client_id, client, sizeof client);
  char tenant[64];
  kg_log_mask(metadata->tenant_id, tenant, sizeof tenant);
  kg_acquisition_log(acquisition, KG_PLUGIN_LOG_INFO, "metadata: client %s, tenant %s", client, tenant);
  kg_acquisition_log(acquisition, KG_PLUGIN_LOG_DEBUG, "metadata: client %s, tenant %s", metadata->client_id,
                     metadata->tenant_id);
}

enum kg_status kg_metadata_get(const struct kg_acquisition *acquisition, struct kg_metadata *out,
                               struct kg_error *error) {
  struct kg_leg_request leg = {.leg = KG_LEG_METADATA};
  struct kg_http_response response = {0};
  enum kg_status status = kg_leg_perform(acquisition, &leg, &response, error);
  if (status != KG_OK) return status;
  if (!server_is_imds(response.server)) {
    status = kg_error_set(error, KG_E_IMDS_FAILED, "the answer is not the metadata service's: its Server header %s",
                          *response.server ? "names something else" : "is missing");
    error->http_status = response.status;
  } else {
    status = kg_metadata_parse(acquisition->request, kg_buf_span(&response.body), out, error);
  }
  kg_http_response_clear(&response);
  if (status != KG_OK) return kg_error_prefix(error, status, "getplatformmetadata");
  log_identity(acquisition, out);
  return KG_OK;
}

void kg_metadata_clear(struct kg_metadata *metadata) {
  free(metadata->client_id);
  free(metadata->tenant_id);
  free(metadata->vm_id);
  free(metadata->vmss_id);
  free(metadata->attestation_endpoint);
  memset(metadata, 0, sizeof *metadata);
}
