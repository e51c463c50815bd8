/* What the plugin exports. */
#include "plugin/acquire.h"
#include "plugin/check.h"
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

int keyguard_credential_plugin_identify(const struct kg_plugin_request *request, struct kg_plugin_machine *machine,
                                        struct kg_plugin_error *error) {
  return kg_imds_identify(request, machine, error);
}

int keyguard_credential_plugin_check(const struct kg_plugin_request *request, struct kg_plugin_error *error) {
  return kg_imds_check(request, error);
}
