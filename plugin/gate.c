#include "plugin/gate.h"

#include "wire/source.h"

enum kg_status kg_gate_check(const struct kg_plugin_request *request, struct kg_error *error) {
  if (!request->proof_of_possession && request->attestation)
    return kg_error_set(error, KG_E_ATTESTATION_REQUIRES_POP,
                        "attestation support is configured without mTLS proof of possession: set both or neither");
  if (!request->proof_of_possession)
    return kg_error_set(error, KG_E_POP_REQUIRED, "mTLS proof of possession is not configured for this identity");
  return kg_source_check(error);
}
