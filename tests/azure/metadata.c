#include "imds.h"

#include <microhttpd.h>
#include <stdlib.h>

/* camelCase here, snake_case in issuecredential (MI/V2/CsrMetadata.cs). */
static cJSON *format(struct az_emulator *emulator, const struct az_identity *identity) {
  struct az_settings settings = az_emulator_get_settings(emulator);
  char *unit = az_directory_format_compute_unit(&emulator->directory, &settings);
  cJSON *json = cJSON_CreateObject();
  cJSON_AddItemToObject(json, "cuId", cJSON_Parse(unit));
  cJSON_AddStringToObject(json, "clientId", identity->client_id);
  cJSON_AddStringToObject(json, "tenantId", emulator->directory.tenant_id);
  if (settings.attestation_endpoint)
    cJSON_AddStringToObject(json, "attestationEndpoint", az_emulator_get_origin(emulator, AZ_ON_ATTESTATION));
  free(unit);
  return json;
}

void az_metadata_serve(struct az_request *request, struct az_answer *answer) {
  const struct az_identity *identity;
  if (!az_imds_check(request, answer, "GET", &identity)) return;
  if (az_fault_is(request->fault, "wrong_identity"))
    identity = az_directory_get_other(&request->emulator->directory, identity);
  az_answer_set_json(answer, MHD_HTTP_OK, format(request->emulator, identity));
}

/* A probe leaves the header out and reads 400 as "version 1 is here" (MI/ImdsManagedIdentitySource.cs). Tokens of
 * version 1 are not for this emulator: nothing here may fall back to them. */
void az_metadata_serve_v1(struct az_request *request, struct az_answer *answer) {
  if (!az_imds_check_header(request, answer)) return;
  az_answer_refuse(answer, MHD_HTTP_NOT_FOUND, "not_found", "This emulator issues no tokens of version 1");
}

/* MI/ImdsComputeMetadataManager.cs reads these two members. */
void az_metadata_serve_compute(struct az_request *request, struct az_answer *answer) {
  if (!az_imds_check_header(request, answer) || !az_answer_require_method(answer, request, "GET")) return;
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "osType", "Windows");
  const struct az_directory *directory = &request->emulator->directory;
  bool other = az_emulator_get_settings(request->emulator).other_machine;
  cJSON_AddStringToObject(json, "vmId", other ? directory->other_vm_id : directory->vm_id);
  cJSON *profile = cJSON_AddObjectToObject(json, "securityProfile");
  cJSON_AddStringToObject(profile, "securityType", "TrustedLaunch");
  az_answer_set_json(answer, MHD_HTTP_OK, json);
}
