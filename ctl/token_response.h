/* The token service's answer, and whether it may be believed (docs/protocol.md 8.5, 10.2). */
#ifndef KG_CTL_TOKEN_RESPONSE_H
#define KG_CTL_TOKEN_RESPONSE_H

#include "core/base/error.h"
#include "ctl/token_request.h"
#include "wire/http.h"

struct kg_token {
  struct kg_buf access_token;     /* wiped when cleared */
  int64_t expires_in, refresh_in; /* seconds; refresh_in 0: not given */
};

/* Status 200: every field is checked, and an mtls_pop token's cnf against the binding's certificate. Anything else is
 * KG_E_TOKEN_REJECTED with what the service says. `*out` is empty where this fails. */
KG_MUST_USE enum kg_status kg_token_response_read(const struct kg_http_response *response, enum kg_token_type type,
                                                  const struct kg_binding *binding, struct kg_token *out,
                                                  struct kg_error *error);
void kg_token_clear(struct kg_token *token);
/* KG_E_TOKEN_INVALID: a token of type mtls_pop whose cnf is not this binding's certificate. Any other is bound to none.
 */
KG_MUST_USE enum kg_status kg_token_check_bound(const char *token, enum kg_token_type type,
                                                const struct kg_binding *binding, struct kg_error *error);

/* What a failure of the last leg calls for (docs/protocol.md 9). */
enum kg_token_remedy {
  KG_REMEDY_NONE = 0,
  KG_REMEDY_REPEAT,           /* the same request, once, on another connection */
  KG_REMEDY_CHECK_KEY,        /* our own key refused: is it dead, as KeyGuard's are after a boot? */
  KG_REMEDY_REMINT,           /* a new certificate, once */
  KG_REMEDY_REMINT_UNATTESTED /* the same, with a new attestation token, too */
};
enum kg_token_remedy kg_token_remedy(const struct kg_error *error, unsigned char server_alert);
/* The peer went away without saying why. */
bool kg_token_died(const struct kg_error *error);
/* Seconds for which nobody is to ask for this again; 0: any time. `retry_after_s` -1: the answer named none. */
int64_t kg_token_wait(const struct kg_error *error, int64_t retry_after_s);
/* Adds what to do, where the code is known and nothing here can mend it. */
void kg_token_advise(struct kg_error *error);

#endif
