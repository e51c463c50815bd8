#include "plugin/check.h"

#include "core/base/plugin_error.h"
#include "plugin/attestation.h"
#include "plugin/gate.h"

#include <stdbool.h>
#include <stddef.h>

int kg_imds_check(const struct kg_plugin_request *request, struct kg_plugin_error *error) {
  struct kg_error failure = {0};
  bool complete = request != NULL && request->size >= sizeof *request;
  enum kg_status status =
      complete ? kg_gate_check(request, &failure)
               : kg_error_set(&failure, KG_E_PLUGIN, "the request is incomplete or of an older interface");
  if (complete && status == KG_OK && request->attestation) status = kg_attestation_check(request, &failure);
  if (status == KG_OK) return 0;
  (void)kg_plugin_error_export(&failure, error);
  return (int)status;
}
