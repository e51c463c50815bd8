/* The memory of what the token service refused: NAME.refusal beside the binding, so that a service that starts again
 * and again neither replaces a good certificate for a reason that a new one does not mend, nor asks while it was told
 * to wait (docs/protocol.md 9.4). Written under the identity's lock. Holds no secret. */
#ifndef KG_CTL_REFUSAL_H
#define KG_CTL_REFUSAL_H

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/state/binding.h"
#include "core/state/config.h"

#define KG_REMINT_DELAY_S 3600 /* one re-mint within it, until the service grants a token */
#define KG_WAIT_DEFAULT_S 60   /* MIC/OAuth2/Throttling: a 429 that names no time */
#define KG_WAIT_MAX_S 3600     /* same place: what a Retry-After may ask for */

/* Whose memory: what was noted with another configuration, or for other ids than the binding's, is none. */
struct kg_refusal_subject {
  const struct kg_config *config;
  const struct kg_identity *identity;
  const struct kg_binding *binding;
  const struct kg_clock *clock;
};

/* These three are called with the identity's lock held, by ctl/provision.c. `code` is AADSTS..., "alert 45" and the
 * like. KG_E_TOKEN_REJECTED: a re-mint within the last hour did not help. Any other failure: it cannot be remembered,
 * so it must not be made. */
KG_MUST_USE enum kg_status kg_refusal_begin_remint(const struct kg_refusal_subject *subject, const char *code,
                                                   struct kg_error *error);
void kg_refusal_withdraw_remint(const struct kg_refusal_subject *subject); /* it brought no certificate */
void kg_refusal_forget(const struct kg_config *config, const struct kg_identity *identity);

/* These take the lock themselves. What cannot be written is not remembered: not everybody who buys may provision. */
void kg_refusal_note_wait(const struct kg_refusal_subject *subject, const char *scope, int64_t seconds,
                          const struct kg_error *error);
/* A certificate was refused as soon as it was made, which counts as a re-mint that did not help. */
void kg_refusal_note_fresh(const struct kg_refusal_subject *subject, const char *code);
/* A token of this scope was granted: the certificate is believed again. */
void kg_refusal_note_grant(const struct kg_refusal_subject *subject, const char *scope);

/* `error` is the one that asked to wait, if its time is not over; KG_OK: nobody has to. */
KG_MUST_USE enum kg_status kg_refusal_check_wait(const struct kg_refusal_subject *subject, const char *scope,
                                                 struct kg_error *error);

#endif
