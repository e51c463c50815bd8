/* keyguardctl version */
#include "ctl/command.h"
#include "ctl/installed.h"
#include "ctl/output.h"
#include "ctl/plugin_loader.h"

#include <curl/curl.h>
#include <openssl/crypto.h>

#if defined(__clang__)
#define COMPILER "clang " __clang_version__
#elif defined(__GNUC__)
#define COMPILER "gcc " __VERSION__
#else
#define COMPILER "unknown compiler"
#endif

static int run_version(const struct kg_command *command, struct kg_run *run, int argc, char **argv) {
  struct kg_operands operands;
  int exit_code = 0;
  if (!kg_command_parse(command, run, NULL, argc, argv, &operands, &exit_code)) return exit_code;
  const struct {
    const char *name, *label, *value;
  } facts[] = {{"version", "keyguardctl", KEYGUARD_VERSION},
               {"plugin_folder", "plugin folder", KG_PLUGIN_DIR},
               {"module", "module", KG_MODULE_PATH},
               {"configuration", "configuration", kg_config_path()},
               {"openssl", "openssl", OpenSSL_version(OPENSSL_VERSION)},
               {"libcurl", "libcurl", curl_version_info(CURLVERSION_NOW)->version},
               {"compiler", "compiler", COMPILER}};
  if (run->json) {
    cJSON *object = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
      cJSON_AddStringToObject(object, facts[i].name, facts[i].value);
    cJSON_AddNumberToObject(object, "plugin_interface", KG_CREDENTIAL_PLUGIN_VERSION);
    return kg_output_json(run, object, 0);
  }
  for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++)
    fprintf(run->out, i ? "  %-16s %s\n" : "%s %s\n", facts[i].label, facts[i].value);
  fprintf(run->out, "  %-16s %d\n", "plugin interface", KG_CREDENTIAL_PLUGIN_VERSION);
  return 0;
}

const struct kg_command kg_command_version = {"version", "", "Says what this is and was built with", run_version};
