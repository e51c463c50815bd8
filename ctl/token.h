/* The last leg: a token bought over mutual TLS with a binding's certificate. */
#ifndef KG_CTL_TOKEN_H
#define KG_CTL_TOKEN_H

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/state/config.h"
#include "ctl/token_response.h"

struct kg_token_result {
  struct kg_token token;
  struct kg_binding *binding; /* the one the token is bound to */
  bool cached;                /* bought earlier */
  char request_id[40];
};

/* Uses the stored binding, or obtains one where none is usable. A rejected certificate is replaced once. */
KG_MUST_USE enum kg_status kg_token_acquire(const struct kg_config *config, const struct kg_identity *identity,
                                            const struct kg_token_request *request, const struct kg_clock *clock,
                                            struct kg_token_result *result, struct kg_error *error);
void kg_token_result_clear(struct kg_token_result *result);

#endif
