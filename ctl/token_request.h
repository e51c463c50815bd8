/* The token request of the last leg (docs/protocol.md 8.1 to 8.3). */
#ifndef KG_CTL_TOKEN_REQUEST_H
#define KG_CTL_TOKEN_REQUEST_H

#include "core/base/error.h"
#include "core/state/binding.h"

enum kg_token_type { KG_TOKEN_MTLS_POP = 0, KG_TOKEN_BEARER };

struct kg_token_request {
  const char *scope;  /* as kg_token_scope made it */
  const char *claims; /* JSON, or NULL; a challenge is never answered from a cache */
  enum kg_token_type type;
  bool no_cache; /* where the configuration has one: neither read nor written */
};

const char *kg_token_type_name(enum kg_token_type type); /* "mtls_pop", "bearer" */
KG_MUST_USE enum kg_status kg_token_type_parse(const char *text, enum kg_token_type *out, struct kg_error *error);

/* "https://vault.azure.net/" and ".../.default" alike become "https://vault.azure.net/.default". free() it.
 * KG_E_USAGE: empty, more than one scope, or characters that no scope has (RFC 6749 section 3.3). */
KG_MUST_USE enum kg_status kg_token_scope(const char *resource, char **out, struct kg_error *error);

/* The claims must be one JSON object. */
KG_MUST_USE enum kg_status kg_token_request_check(const struct kg_token_request *request, struct kg_error *error);
/* application/x-www-form-urlencoded; no secret, no assertion: the certificate is the credential. */
KG_MUST_USE enum kg_status kg_token_request_form(const struct kg_token_request *request, const char *client_id,
                                                 struct kg_buf *out, struct kg_error *error);

/* NULL-terminated and static but for the request id, which is `request_id` (a UUID). */
enum { KG_TOKEN_HEADERS = 9, KG_TOKEN_HEADER_SIZE = 64 };
struct kg_token_headers {
  const char *list[KG_TOKEN_HEADERS];
  char request_id[KG_TOKEN_HEADER_SIZE];
};
void kg_token_headers_init(struct kg_token_headers *headers, const char *request_id);

#endif
