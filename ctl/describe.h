/* A binding for people and for scripts. */
#ifndef KG_CTL_DESCRIBE_H
#define KG_CTL_DESCRIBE_H

#include "core/state/binding.h"

#include <cJSON.h>
#include <stdio.h>

/* Adds the public facts to `object`: ids, endpoints, dates, renewal, thumbprints, URIs. */
void kg_describe_json(cJSON *object, const struct kg_binding *binding, int64_t now);
void kg_describe_text(FILE *out, const struct kg_binding *binding, int64_t now);

/* base64url SHA-256 of the certificate, the value of x5t#S256 (RFC 8705 section 3.1). free() it; NULL: no memory. */
char *kg_describe_thumbprint(const struct kg_binding *binding);
/* The module's objects; only token= and object=, which survive a new key. free() it; NULL: no memory. */
char *kg_describe_uri(const struct kg_binding *binding, const char *type);

#endif
