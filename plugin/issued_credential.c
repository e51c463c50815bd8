#include "plugin/issued_credential.h"

#include <stdlib.h>
#include <string.h>

struct owned { /* `shown` comes first: the caller holds its address */
  struct kg_plugin_credential shown;
  struct kg_issued issued;
  struct kg_metadata metadata;
};

enum kg_status kg_issued_credential_new(struct kg_issued *issued, struct kg_metadata *metadata, bool attested,
                                        struct kg_plugin_credential **out, struct kg_error *error) {
  struct owned *owned = calloc(1, sizeof *owned);
  if (owned == NULL) return kg_error_no_memory(error, "for the credential");
  owned->issued = *issued;
  memset(issued, 0, sizeof *issued);
  owned->metadata = *metadata;
  memset(metadata, 0, sizeof *metadata);
  struct kg_plugin_credential *shown = &owned->shown;
  shown->size = sizeof *shown;
  shown->certificate = (struct kg_plugin_bytes){owned->issued.certificate.data, owned->issued.certificate.len};
  shown->client_id = owned->issued.client_id;
  shown->tenant_id = owned->issued.tenant_id;
  shown->identity_type = owned->issued.identity_type;
  shown->mtls_authentication_endpoint = owned->issued.endpoint;
  shown->token_endpoint = owned->issued.token_endpoint;
  shown->attested = attested;
  shown->vm_id = owned->metadata.vm_id;
  shown->vmss_id = owned->metadata.vmss_id;
  shown->server_time_s = owned->issued.server_time_s;
  *out = shown;
  return KG_OK;
}

void kg_issued_credential_release(struct kg_plugin_credential *credential) {
  struct owned *owned = (struct owned *)credential;
  if (owned == NULL) return;
  kg_issued_clear(&owned->issued);
  kg_metadata_clear(&owned->metadata);
  free(owned);
}
