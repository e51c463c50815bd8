/* Leg 1: who this machine is (docs/protocol.md 2). */
#ifndef KG_PLUGIN_METADATA_H
#define KG_PLUGIN_METADATA_H

#include "core/base/buf.h"
#include "core/base/error.h"
#include "plugin/acquisition.h"

struct kg_metadata {
  char *client_id, *tenant_id;
  char *vm_id, *vmss_id;      /* at least one; NULL where absent or empty */
  char *attestation_endpoint; /* "https://host[:port]"; NULL: none was needed */
};

/* Beside the failures of the leg: KG_E_IMDS_FAILED for a missing Server header or a member that is missing or wrong,
 * KG_E_IDENTITY where another client id answered than was asked for. */
KG_MUST_USE enum kg_status kg_metadata_get(const struct kg_acquisition *acquisition, struct kg_metadata *out,
                                           struct kg_error *error);
/* The answer's body alone; pure. */
KG_MUST_USE enum kg_status kg_metadata_parse(const struct kg_plugin_request *request, struct kg_span body,
                                             struct kg_metadata *out, struct kg_error *error);
void kg_metadata_clear(struct kg_metadata *metadata);

#endif
