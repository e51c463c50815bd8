/* provision-on-demand: off unless the configuration says so. Only C_OpenSession and C_FindObjectsInit on a slot without
 * a token come here, and never inside a backing token's code. One start at a time for an identity, and none within a
 * minute of one that gave no binding, whoever initialises the module again in between. */
#ifndef KG_PKCS11_ON_DEMAND_H
#define KG_PKCS11_ON_DEMAND_H

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/state/config.h"

#include <stdatomic.h>

#define KG_ON_DEMAND_PAUSE_S 60

struct kg_on_demand {
  const char *config;   /* the configuration's path; NULL: not allowed */
  const char *identity; /* all borrowed */
  const struct kg_clock *clock;
  uint32_t slot; /* the slot's number, under which a failure is remembered */
  atomic_bool running;
};

void kg_on_demand_init(struct kg_on_demand *on_demand, const struct kg_config *config, const char *identity,
                       uint32_t slot, const struct kg_clock *clock);

/* True: this caller is to start keyguardctl, look at the binding, and tell kg_on_demand_settle() whether it is good.
 * False: not allowed, or not again so soon; or another thread had it started, which has been waited for. Holds no lock.
 */
KG_MUST_USE bool kg_on_demand_claim(struct kg_on_demand *on_demand);
void kg_on_demand_settle(struct kg_on_demand *on_demand, bool good);

/* Runs `keyguardctl provision` and waits until it has ended, or the deadline has ended it. Neither its exit status nor
 * what is returned here says whether there is a token: the binding does. KG_E_ACCESS: not in this process.
 * KG_E_UNTRUSTED: others may write the program. KG_E_TIMEOUT. Else why it cannot be started. */
enum kg_status kg_on_demand_run(const struct kg_on_demand *on_demand, struct kg_error *error);

#endif
