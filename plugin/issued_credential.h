/* The plugin's answer, with the memory behind it. */
#ifndef KG_PLUGIN_ISSUED_CREDENTIAL_H
#define KG_PLUGIN_ISSUED_CREDENTIAL_H

#include "core/base/error.h"
#include "plugin/issue.h"

#include <stdbool.h>

/* Takes what `issued` and `metadata` hold and leaves both empty. */
KG_MUST_USE enum kg_status kg_issued_credential_new(struct kg_issued *issued, struct kg_metadata *metadata,
                                                    bool attested, struct kg_plugin_credential **out,
                                                    struct kg_error *error);
void kg_issued_credential_release(struct kg_plugin_credential *credential);

#endif
