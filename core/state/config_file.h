/* Where the configuration is, and reading it from there. */
#ifndef KG_CORE_STATE_CONFIG_FILE_H
#define KG_CORE_STATE_CONFIG_FILE_H

#include "core/base/error.h"
#include "core/state/config.h"

/* KEYGUARD_CONF (ignored in set-uid and capability-raised processes), else the built-in path. Borrowed. */
const char *kg_config_path(void);
/* Fails whole; `*out` is then NULL. A missing file is KG_E_CONFIG, as a wrong one is; KG_E_UNTRUSTED where others may
 * write the file. */
KG_MUST_USE enum kg_status kg_config_load(const char *path, struct kg_config **out, struct kg_error *error);

#endif
