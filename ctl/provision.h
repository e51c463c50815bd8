/* Obtains a binding: the steps in their order, under the identity's lock, and the memory of failures. */
#ifndef KG_CTL_PROVISION_H
#define KG_CTL_PROVISION_H

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/state/binding.h"
#include "core/state/config.h"

struct kg_provision_options {
  bool force;      /* even where the binding is good, and whatever failed before; no answer from a cache */
  bool identify;   /* ask the metadata service whether a good binding is for whom it takes us for; unless it answers, it
                      is */
  bool accept_due; /* a binding that is due for renewal but usable is good */
  bool replace_key; /* a key that does not sign is destroyed and made anew, whatever its store; else KeyGuard's only */
  bool drop_attestation;
  int64_t deadline_ms; /* on clock->elapsed_ms: of all of it, waiting for the lock included. 0: the configured time for
                          the wait, and once more for the acquisition */
  const struct kg_binding *rejected; /* one whose certificate was refused: it is never good, and is not to come from a
                                        cache again. NULL: none */
  const char *rejected_for;          /* AADSTS... and the like, for the memory of re-mints; NULL: none is kept */
};

struct kg_provision_result {
  bool issued;   /* else the binding was good */
  bool withheld; /* of a failure: a re-mint for the same reason was tried before (ctl/refusal.h) */
  struct kg_binding *binding;
};

/* Where the binding is good, that is all, and no lock is taken. Else concurrent callers wait for the lock, at most as
 * long as one acquisition may take, and then find the binding good.
 * A failure leaves the old binding as it was. `result->binding`: kg_binding_free() it. */
KG_MUST_USE enum kg_status kg_provision(const struct kg_config *config, const struct kg_identity *identity,
                                        const struct kg_provision_options *options, const struct kg_clock *clock,
                                        struct kg_provision_result *result, struct kg_error *error);

/* The stored binding, where it is for this identity and in its time. The key store is not asked. */
KG_MUST_USE enum kg_status kg_provision_find(const struct kg_config *config, const struct kg_identity *identity,
                                             int64_t now, struct kg_binding **out, struct kg_error *error);
/* KG_E_BINDING_STALE: it is for another identity, ended, or for a host that is allowed no more. */
KG_MUST_USE enum kg_status kg_provision_check(const struct kg_config *config, const struct kg_identity *identity,
                                              const struct kg_binding *binding, int64_t now, struct kg_error *error);

#endif
