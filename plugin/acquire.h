/* Managed identity v2, from the request to the credential (docs/protocol.md 0.2). */
#ifndef KG_PLUGIN_ACQUIRE_H
#define KG_PLUGIN_ACQUIRE_H

#include "keyguard/credential_plugin.h"

int kg_imds_acquire(const struct kg_plugin_request *request, struct kg_plugin_credential **credential,
                    struct kg_plugin_error *error);
/* Leg 1 alone. */
int kg_imds_identify(const struct kg_plugin_request *request, struct kg_plugin_machine *machine,
                     struct kg_plugin_error *error);

#endif
