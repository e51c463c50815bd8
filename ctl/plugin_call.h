/* One call of the configured plugin for an identity: the library, the host's side of the interface, and what is asked.
 */
#ifndef KG_CTL_PLUGIN_CALL_H
#define KG_CTL_PLUGIN_CALL_H

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/state/config.h"
#include "ctl/plugin_loader.h"

struct kg_plugin_call {
  struct kg_plugin *plugin;
  struct kg_plugin_host host;
  struct kg_plugin_request request; /* without a key */
  const char **allowed_hosts;       /* the request's, NULL-terminated */
  char *metadata_endpoint, *machine_id;
};

/* `config`, `identity` and `clock` are borrowed; `deadline_ms` is on clock->elapsed_ms. Whether it succeeds or not,
 * kg_plugin_call_clear() it; it may not be moved in between, as the request points into it. */
KG_MUST_USE enum kg_status kg_plugin_call_init(struct kg_plugin_call *call, const struct kg_config *config,
                                               const struct kg_identity *identity, const struct kg_clock *clock,
                                               int64_t deadline_ms, struct kg_error *error);
void kg_plugin_call_clear(struct kg_plugin_call *call);
/* Whether what the plugin needs of this machine is there, as it says without asking anybody. `*known` false with KG_OK:
 * it does not say. */
KG_MUST_USE enum kg_status kg_plugin_call_check(const struct kg_config *config, const struct kg_identity *identity,
                                                const struct kg_clock *clock, bool *known, struct kg_error *error);

#endif
