/* What an acquisition would need of this machine, looked at without asking anybody. */
#ifndef KG_PLUGIN_CHECK_H
#define KG_PLUGIN_CHECK_H

#include "keyguard/credential_plugin.h"

int kg_imds_check(const struct kg_plugin_request *request, struct kg_plugin_error *error);

#endif
