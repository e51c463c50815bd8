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

static bool has_code(enum kg_status status, const char *code, const char *sub_code) {
  return strcmp(kg_status_code(status), code) == 0 &&
         (sub_code == NULL || strcmp(kg_status_sub_code(status), sub_code) == 0);
}

static enum kg_status status_of(const struct kg_plugin_error *from) {
  for (int status = KG_OK + 1; status < KG_STATUS_COUNT; status++)
    if (strcmp(kg_status_name((enum kg_status)status), from->status) == 0) return (enum kg_status)status;
  enum kg_status first = from->http_status ? KG_E_IMDS_V1_ONLY : KG_OK + 1; /* an answer is no local refusal */
  for (int status = first; status < KG_STATUS_COUNT; status++)
    if (has_code((enum kg_status)status, from->code, from->sub_code)) return (enum kg_status)status;
  if (has_code(KG_E_ATTESTATION_REQUIRES_POP, from->code, NULL)) return KG_E_ATTESTATION_REQUIRES_POP;
  if (has_code(KG_E_KEYGUARD_UNAVAILABLE, from->code, NULL)) return KG_E_KEYGUARD_UNAVAILABLE;
  return from->http_status ? KG_E_IMDS_FAILED : KG_E_PLUGIN;
}

/* The plugin's texts may lack their NUL: it is foreign code. */
static void copy_text(char *to, size_t to_size, const char *from, size_t from_size) {
  size_t len = 0;
  while (len < from_size && len + 1 < to_size && from[len])
    len++;
  memcpy(to, from, len);
  to[len] = 0;
}
#define COPY(to, from) copy_text(to, sizeof(to), from, sizeof(from))

enum kg_status kg_plugin_error(const struct kg_plugin_error *from, struct kg_error *error) {
  struct kg_plugin_error safe = *from;
  safe.code[sizeof safe.code - 1] = safe.sub_code[sizeof safe.sub_code - 1] = 0;
  safe.status[sizeof safe.status - 1] = safe.text[sizeof safe.text - 1] = 0;
  enum kg_status status = status_of(&safe);
  kg_error_set(error, status, "%s", safe.text[0] ? safe.text : "the credential plugin failed and does not say why");
  error->http_status = safe.http_status;
  error->native_code = safe.native_code;
  COPY(error->sub_code, safe.sub_code);
  COPY(error->oauth_error, safe.oauth_error);
  COPY(error->aadsts, safe.aadsts);
  COPY(error->correlation_id, safe.correlation_id);
  return status;
}
