/* The order of the steps, and nothing else. */
#include "plugin/acquire.h"

#include "core/base/plugin_error.h"
#include "plugin/attestation.h"
#include "plugin/csr.h"
#include "plugin/gate.h"
#include "plugin/issue.h"
#include "plugin/issued_credential.h"
#include "plugin/metadata.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum kg_status check_request(const struct kg_plugin_request *request, struct kg_error *error) {
  if (request == NULL || request->size < sizeof *request || request->host == NULL)
    return kg_error_set(error, KG_E_PLUGIN, "the request is incomplete or of an older interface");
  if ((request->selector != KG_PLUGIN_SYSTEM_ASSIGNED) != (request->selector_value != NULL && *request->selector_value))
    return kg_error_set(error, KG_E_PLUGIN, "the request's selector and its value do not belong together");
  return KG_OK;
}

static enum kg_status check_key(const struct kg_plugin_request *request, struct kg_error *error) {
  const struct kg_plugin_key *key = request->key;
  if (key == NULL || key->sign_pss_sha256 == NULL || key->public_key_info.data == NULL || key->public_key_info.len == 0)
    return kg_error_set(error, KG_E_PLUGIN, "the request's key is missing, cannot sign or has no public part");
  return kg_csr_check_key(key, error);
}

static enum kg_status attest(const struct kg_acquisition *acquisition, const struct kg_metadata *metadata,
                             struct kg_buf *token, struct kg_error *error) {
  if (!acquisition->request->attestation) return KG_OK;
  return kg_attestation_get(acquisition, metadata, token, error);
}

/* A refusal may mean the attestation token: the next acquisition brings a new one (docs/protocol.md 5.6). */
static enum kg_status issue(const struct kg_acquisition *acquisition, const struct kg_metadata *metadata,
                            const char *csr, struct kg_span token, struct kg_issued *out, struct kg_error *error) {
  enum kg_status status = kg_issue(acquisition, metadata, csr, token, out, error);
  if (status != KG_OK && token.len && (error->http_status == 400 || error->http_status == 401))
    kg_attestation_forget(acquisition, metadata);
  return status;
}

/* The key is looked at first: a request that cannot be signed for is not worth a leg (docs/protocol.md 1.2). */
static enum kg_status run(const struct kg_acquisition *acquisition, struct kg_plugin_credential **credential,
                          struct kg_error *error) {
  struct kg_metadata metadata = {0};
  enum kg_status status = check_key(acquisition->request, error);
  if (status == KG_OK) status = kg_metadata_get(acquisition, &metadata, error);
  char *csr = NULL;
  if (status == KG_OK) status = kg_csr_new(acquisition->request->key, &metadata, &csr, error);
  struct kg_buf token = {0};
  if (status == KG_OK) status = attest(acquisition, &metadata, &token, error);
  struct kg_issued issued = {0};
  if (status == KG_OK) status = issue(acquisition, &metadata, csr, kg_buf_span(&token), &issued, error);
  if (status == KG_OK)
    status = kg_issued_credential_new(&issued, &metadata, acquisition->request->attestation != 0, credential, error);
  kg_metadata_clear(&metadata);
  kg_issued_clear(&issued);
  kg_buf_clear(&token);
  if (csr != NULL) kg_wipe(csr, strlen(csr));
  free(csr);
  return status;
}

static void export_error(struct kg_error *from, const struct kg_acquisition *acquisition, struct kg_plugin_error *to) {
  memcpy(from->correlation_id, acquisition->correlation_id, sizeof acquisition->correlation_id);
  if (!kg_plugin_error_export(from, to)) return;
  to->requests = acquisition->tally->requests;
  to->retry_after_s = acquisition->tally->retry_after_s;
}

/* What every call begins with; what it may not do without is asked of the request alone. */
static enum kg_status begin(struct kg_acquisition *acquisition, const struct kg_plugin_request *request,
                            struct kg_error *error) {
  enum kg_status status = check_request(request, error);
  if (status == KG_OK) status = kg_gate_check(request, error);
  return status == KG_OK ? kg_acquisition_init(acquisition, request, error) : status;
}

static int end(struct kg_acquisition *acquisition, enum kg_status status, struct kg_error *failure,
               struct kg_plugin_error *error) {
  if (status != KG_OK) export_error(failure, acquisition, error);
  kg_acquisition_clear(acquisition);
  return status == KG_OK ? 0 : (int)status;
}

int kg_imds_acquire(const struct kg_plugin_request *request, struct kg_plugin_credential **credential,
                    struct kg_plugin_error *error) {
  struct kg_acquisition_tally tally = {0};
  struct kg_acquisition acquisition = {.tally = &tally};
  struct kg_error failure = {0};
  enum kg_status status = begin(&acquisition, request, &failure);
  *credential = NULL;
  if (status == KG_OK) status = run(&acquisition, credential, &failure);
  return end(&acquisition, status, &failure, error);
}

static void export_id(const char *from, char to[KG_PLUGIN_ID]) {
  snprintf(to, KG_PLUGIN_ID, "%s", from != NULL ? from : "");
}

int kg_imds_identify(const struct kg_plugin_request *request, struct kg_plugin_machine *machine,
                     struct kg_plugin_error *error) {
  struct kg_acquisition_tally tally = {0};
  struct kg_acquisition acquisition = {.tally = &tally};
  struct kg_error failure = {0};
  struct kg_metadata metadata = {0};
  enum kg_status status = begin(&acquisition, request, &failure);
  if (status == KG_OK && (machine == NULL || machine->size < sizeof *machine))
    status = kg_error_set(&failure, KG_E_PLUGIN, "the answer has no place, or is of an older interface");
  if (status == KG_OK) status = kg_metadata_get(&acquisition, &metadata, &failure);
  if (status == KG_OK) {
    export_id(metadata.client_id, machine->client_id);
    export_id(metadata.tenant_id, machine->tenant_id);
    export_id(metadata.vm_id, machine->vm_id);
    export_id(metadata.vmss_id, machine->vmss_id);
  }
  kg_metadata_clear(&metadata);
  return end(&acquisition, status, &failure, error);
}
