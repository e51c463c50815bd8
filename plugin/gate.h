/* What ends a request before any I/O (docs/protocol.md 1.1, 1.2). */
#ifndef KG_PLUGIN_GATE_H
#define KG_PLUGIN_GATE_H

#include "core/base/error.h"
#include "keyguard/credential_plugin.h"

/* KG_E_ATTESTATION_REQUIRES_POP, KG_E_POP_REQUIRED, KG_E_DISABLED (kill switch), KG_E_ENVIRONMENT (this machine's
 * managed identity is App Service, Service Fabric, Machine Learning, Cloud Shell or Arc). */
KG_MUST_USE enum kg_status kg_gate_check(const struct kg_plugin_request *request, struct kg_error *error);

#endif
