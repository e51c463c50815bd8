/* An error on its way through the plugin interface, out of a plugin and into its host: one table says what goes over.
 */
#ifndef KG_CORE_BASE_PLUGIN_ERROR_H
#define KG_CORE_BASE_PLUGIN_ERROR_H

#include "core/base/error.h"
#include "keyguard/credential_plugin.h"

#include <stdbool.h>

/* False, and nothing is written, where `to` is NULL or of an older interface. */
bool kg_plugin_error_export(const struct kg_error *from, struct kg_plugin_error *to);
/* What a plugin that did not succeed wrote, which may lack its NULs. An unknown status is told from code and sub-code.
 */
enum kg_status kg_plugin_error_import(const struct kg_plugin_error *from, struct kg_error *error);

#endif
