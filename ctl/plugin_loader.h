/* Finds and loads a credential plugin. */
#ifndef KG_CTL_PLUGIN_LOADER_H
#define KG_CTL_PLUGIN_LOADER_H

#include "core/base/error.h"

#include <keyguard/credential_plugin.h>

struct kg_plugin;

/* A name is a file in the plugin folder (KG_PLUGIN_DIR), an absolute path is itself. The file must be trusted: it is
 * code. KG_E_PLUGIN says what is wrong: absent, not loadable, no entry, another interface version. */
KG_MUST_USE enum kg_status kg_plugin_load(const char *name, struct kg_plugin **out, struct kg_error *error);
const struct kg_credential_plugin *kg_plugin_get(const struct kg_plugin *plugin);           /* borrowed */
kg_credential_plugin_identify_function *kg_plugin_identify(const struct kg_plugin *plugin); /* NULL: it has none */
kg_credential_plugin_check_function *kg_plugin_find_check(const struct kg_plugin *plugin);  /* NULL: it has none */
const char *kg_plugin_path(const struct kg_plugin *plugin);                                 /* borrowed */
void kg_plugin_free(struct kg_plugin **plugin);

#endif
