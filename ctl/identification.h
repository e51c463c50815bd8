/* Whom the metadata service takes us for, and whether a binding was issued to them: a copied disk and an identity that
 * was made anew under its old name look the same from here (docs/protocol.md 2.7). */
#ifndef KG_CTL_IDENTIFICATION_H
#define KG_CTL_IDENTIFICATION_H

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/state/binding.h"
#include "core/state/config.h"

#include <keyguard/credential_plugin.h>

/* Asks through the plugin, one request and its retries, until `deadline_ms` on clock->elapsed_ms. `*known` false with
 * KG_OK: the plugin cannot tell. */
KG_MUST_USE enum kg_status kg_identification_get(const struct kg_config *config, const struct kg_identity *identity,
                                                 const struct kg_clock *clock, int64_t deadline_ms,
                                                 struct kg_plugin_machine *out, bool *known, struct kg_error *error);
/* KG_E_BINDING_STALE says what differs. What either side does not know does not. */
KG_MUST_USE enum kg_status kg_identification_compare(const struct kg_binding *binding,
                                                     const struct kg_plugin_machine *machine, struct kg_error *error);

#endif
