/* One leg at the metadata service: the request, its retries and what its failure means. */
#ifndef KG_PLUGIN_LEG_H
#define KG_PLUGIN_LEG_H

#include "core/base/error.h"
#include "plugin/acquisition.h"
#include "wire/http.h"
#include "wire/retry.h"

#include <stdbool.h>

struct kg_leg_request {
  enum kg_leg leg;     /* KG_LEG_METADATA: GET, KG_LEG_ISSUE: POST */
  struct kg_span body; /* JSON; empty for GET */
  bool bypass_cache;   /* docs/protocol.md 6.2 */
};

/* KG_OK: status 200 and `response` to clear. KG_E_IMDS_V1_ONLY (404 on the first leg, after its retries), KG_E_IDENTITY
 * (not assigned), KG_E_IMDS_FAILED, KG_E_TIMEOUT (deadline included), KG_E_TRANSPORT, KG_E_TLS. */
KG_MUST_USE enum kg_status kg_leg_perform(const struct kg_acquisition *acquisition,
                                          const struct kg_leg_request *request, struct kg_http_response *response,
                                          struct kg_error *error);

#endif
