/* Leg 2: the certificate (docs/protocol.md 6). */
#ifndef KG_PLUGIN_ISSUE_H
#define KG_PLUGIN_ISSUE_H

#include "core/base/error.h"
#include "plugin/metadata.h"

struct kg_issued {
  struct kg_buf certificate; /* DER */
  char *client_id, *tenant_id, *identity_type;
  char *endpoint;       /* mtls_authentication_endpoint: "https://host[:port]" */
  char *token_endpoint; /* the whole URL */
  int64_t server_time_s;
};

/* `attestation_token` empty: none was asked for, and the member is left out; else a NUL follows it. Beside the failures
 * of the leg: KG_E_IMDS_FAILED for a member that is missing or wrong, KG_E_IDENTITY where another identity than leg 1's
 * answers, KG_E_INVALID_CERTIFICATE. */
KG_MUST_USE enum kg_status kg_issue(const struct kg_acquisition *acquisition, const struct kg_metadata *metadata,
                                    const char *csr, struct kg_span attestation_token, struct kg_issued *out,
                                    struct kg_error *error);
/* The answer's body alone; reads the request's clock, no I/O. */
KG_MUST_USE enum kg_status kg_issue_parse(const struct kg_acquisition *acquisition, const struct kg_metadata *metadata,
                                          struct kg_span body, struct kg_issued *out, struct kg_error *error);
void kg_issued_clear(struct kg_issued *issued);

#endif
