/* The plugin's one exported symbol. */
#include "plugin/acquire.h"
#include "plugin/issued_credential.h"

static const struct kg_credential_plugin plugin = {
    .version = KG_CREDENTIAL_PLUGIN_VERSION,
    .name = "imds",
    .release = KEYGUARD_VERSION,
    .acquire = kg_imds_acquire,
    .release_credential = kg_issued_credential_release,
};

const struct kg_credential_plugin *keyguard_credential_plugin(uint32_t version) {
  return version == KG_CREDENTIAL_PLUGIN_VERSION ? &plugin : NULL;
}
