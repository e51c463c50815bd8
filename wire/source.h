/* What the environment says about managed identity on this machine (docs/protocol.md 1.2). */
#ifndef KG_WIRE_SOURCE_H
#define KG_WIRE_SOURCE_H

#include "core/base/error.h"

/* Before any I/O: KG_E_DISABLED where the kill switch is set, KG_E_ENVIRONMENT where the variables name a source
 * without mTLS proof of possession: App Service, Service Fabric, Machine Learning, Cloud Shell or Arc. */
KG_MUST_USE enum kg_status kg_source_check(struct kg_error *error);

#endif
