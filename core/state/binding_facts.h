/* What of a binding is told to whoever asks. */
#ifndef KG_CORE_STATE_BINDING_FACTS_H
#define KG_CORE_STATE_BINDING_FACTS_H

#include "core/state/binding.h"

/* The public facts a client needs, as one JSON object: client_id, tenant_id, token_endpoint, not_after, attested,
 * thumbprint ("x5t#S256"), ... free() it; NULL: no memory. The value of the module's CKO_DATA object. */
char *kg_binding_facts(const struct kg_binding *binding);

#endif
