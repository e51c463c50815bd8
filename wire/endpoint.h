/* Addresses that came in an answer or a configuration, reduced to an origin that every parser reads alike. */
#ifndef KG_WIRE_ENDPOINT_H
#define KG_WIRE_ENDPOINT_H

#include "core/base/error.h"

/* An attestation or token endpoint of an answer (docs/protocol.md 5.5, 8.1: GO/imdsv2.go): https, no userinfo, no
 * backslash, no dangling colon; scheme-less gets https; path, query and fragment are dropped.
 * `allowed`: NULL-terminated host suffixes ("login.microsoft.com" allows itself and what ends with
 * ".login.microsoft.com"), empty or NULL: any.
 * `*out`: free() it, "https://host[:port]" with the host in lower case. Else KG_E_IMDS_FAILED naming `what`. */
KG_MUST_USE enum kg_status kg_endpoint_check(const char *what, const char *text, const char *const *allowed, char **out,
                                             struct kg_error *error);

/* The metadata service's own address, from a configuration or AZURE_POD_IDENTITY_AUTHORITY_HOST (docs/protocol.md 2.2):
 * the same rules, but the scheme must be there and may be http. Else KG_E_CONFIG. */
KG_MUST_USE enum kg_status kg_endpoint_check_metadata(const char *text, char **out, struct kg_error *error);

#endif
