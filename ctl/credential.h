/* One acquisition: the plugin is asked for a credential for a key, and what it brings is checked and becomes a binding.
 */
#ifndef KG_CTL_CREDENTIAL_H
#define KG_CTL_CREDENTIAL_H

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/state/binding.h"
#include "core/state/config.h"

struct kg_credential_request {
  const struct kg_config *config;
  const struct kg_identity *identity;
  const struct kg_clock *clock;
  struct kg_key *key;
  bool bypass_cache, drop_attestation;
  int64_t deadline_ms;   /* on clock->elapsed_ms */
  unsigned requests;     /* out, of a failure: how many left for the service; 0: it is a local one */
  int64_t retry_after_s; /* out, of a failure: what the service asked for; 0: nothing */
};

/* The certificate's public key is the key's, and it may be used now. kg_binding_free() it. */
KG_MUST_USE enum kg_status kg_credential_acquire(struct kg_credential_request *request, struct kg_binding **out,
                                                 struct kg_error *error);

#endif
