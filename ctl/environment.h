/* What the process environment may decide, read by keyguardctl alone: never by the module. */
#ifndef KG_CTL_ENVIRONMENT_H
#define KG_CTL_ENVIRONMENT_H

#include "core/base/error.h"
#include "core/state/config.h"

/* The configuration's address, else AZURE_POD_IDENTITY_AUTHORITY_HOST (http or https, no userinfo, its path dropped,
 * logged once), else NULL: the built-in one. free() it. KG_E_CONFIG where the variable is refused. */
KG_MUST_USE enum kg_status kg_environment_metadata_endpoint(const struct kg_config *config, char **out,
                                                            struct kg_error *error);
/* Where the module is: a module that is tried out before it is installed is where the caller says
 * (KEYGUARD_MODULE, an absolute path). Borrowed. */
const char *kg_environment_module(void);

#endif
