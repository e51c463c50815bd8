#include "ctl/plugin_loader.h"

#include "core/os/file.h"
#include "core/os/library.h"
#include "core/os/path.h"
#include "ctl/installed.h"

#include <stdlib.h>
#include <string.h>

struct kg_plugin {
  char *path;
  void *library;
  const struct kg_credential_plugin *entry;
};

static enum kg_status find_path(const char *name, char **out, struct kg_error *error) {
  if (kg_path_is_absolute(name)) {
    *out = kg_strdup(name);
  } else if (strpbrk(name, "/\\") != NULL || name[0] == '.' || name[0] == 0) {
    return kg_error_set(error, KG_E_PLUGIN, "plugin '%s': give a plain name, or an absolute path", name);
  } else {
    *out = kg_file_join(KG_PLUGIN_DIR, name, KG_LIBRARY_SUFFIX);
  }
  return *out != NULL ? KG_OK : kg_error_no_memory(error, "for the credential plugin");
}

static enum kg_status check_file(const char *path, struct kg_error *error) {
  enum kg_status status = kg_file_check(path, KG_TRUST_OWNER, error);
  if (status != KG_E_NOT_FOUND) return status;
  return kg_error_set(error, KG_E_PLUGIN, "no credential plugin at %s: install it, or set 'plugin' to where it is",
                      path);
}

static enum kg_status open_library(struct kg_plugin *plugin, struct kg_error *error) {
  struct kg_library_failure failure;
  plugin->library = kg_library_open(plugin->path, &failure);
  if (plugin->library != NULL) return KG_OK;
  return kg_error_set(error, KG_E_PLUGIN, "cannot load %s: %s", plugin->path, failure.text);
}

static enum kg_status check_entry(struct kg_plugin *plugin, struct kg_error *error) {
  kg_credential_plugin_function *function =
      (kg_credential_plugin_function *)kg_library_find(plugin->library, "keyguard_credential_plugin");
  if (function == NULL)
    return kg_error_set(error, KG_E_PLUGIN, "%s is no credential plugin: it lacks keyguard_credential_plugin()",
                        plugin->path);
  plugin->entry = function(KG_CREDENTIAL_PLUGIN_VERSION);
  if (plugin->entry == NULL)
    return kg_error_set(error, KG_E_PLUGIN,
                        "%s does not support version %d of the plugin interface: it is of another release than this "
                        "keyguardctl " KEYGUARD_VERSION,
                        plugin->path, KG_CREDENTIAL_PLUGIN_VERSION);
  if (plugin->entry->version != KG_CREDENTIAL_PLUGIN_VERSION)
    return kg_error_set(error, KG_E_PLUGIN, "%s has version %u of the plugin interface, which is %s than %d",
                        plugin->path, (unsigned)plugin->entry->version,
                        plugin->entry->version < KG_CREDENTIAL_PLUGIN_VERSION ? "older" : "newer",
                        KG_CREDENTIAL_PLUGIN_VERSION);
  if (plugin->entry->acquire == NULL || plugin->entry->release_credential == NULL)
    return kg_error_set(error, KG_E_PLUGIN, "%s lacks a function of the plugin interface", plugin->path);
  return KG_OK;
}

enum kg_status kg_plugin_load(const char *name, struct kg_plugin **out, struct kg_error *error) {
  struct kg_plugin *plugin = calloc(1, sizeof *plugin);
  *out = NULL;
  if (plugin == NULL) return kg_error_no_memory(error, "for the credential plugin");
  enum kg_status status = find_path(name, &plugin->path, error);
  if (status == KG_OK) status = check_file(plugin->path, error);
  if (status == KG_OK) status = open_library(plugin, error);
  if (status == KG_OK) status = check_entry(plugin, error);
  if (status == KG_OK)
    *out = plugin;
  else
    kg_plugin_free(&plugin);
  return status;
}

const struct kg_credential_plugin *kg_plugin_get(const struct kg_plugin *plugin) {
  return plugin->entry;
}

kg_credential_plugin_identify_function *kg_plugin_identify(const struct kg_plugin *plugin) {
  return (kg_credential_plugin_identify_function *)kg_library_find(plugin->library,
                                                                   "keyguard_credential_plugin_identify");
}

kg_credential_plugin_check_function *kg_plugin_find_check(const struct kg_plugin *plugin) {
  return (kg_credential_plugin_check_function *)kg_library_find(plugin->library, "keyguard_credential_plugin_check");
}

const char *kg_plugin_path(const struct kg_plugin *plugin) {
  return plugin->path;
}

void kg_plugin_free(struct kg_plugin **plugin) {
  if (*plugin == NULL) return;
  /* The library stays mapped: what it linked may have registered handlers that run at exit. */
  free((*plugin)->path);
  free(*plugin);
  *plugin = NULL;
}
