#include "ctl/plugin_loader.h"

#include "core/base/error.h"
#include "tests/support/scratch.h"

#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void load_fails(const char *name, enum kg_status status, const char *part) {
  struct kg_plugin *plugin = NULL;
  struct kg_error error = {0};
  assert_int_equal(kg_plugin_load(name, &plugin, &error), status);
  assert_null(plugin);
  if (strstr(error.text, part) == NULL) fail_msg("'%s' does not say '%s'", error.text, part);
}

static void plugin_of_this_version_is_loaded(void **state) {
  (void)state;
  struct kg_plugin *plugin = NULL;
  struct kg_error error = {0};
  if (kg_plugin_load(FAKE_PLUGIN_PATH, &plugin, &error) != KG_OK) fail_msg("%s", error.text);
  assert_string_equal(kg_plugin_get(plugin)->name, "fake");
  assert_string_equal(kg_plugin_path(plugin), FAKE_PLUGIN_PATH);
  kg_plugin_free(&plugin);
  assert_null(plugin);
  kg_plugin_free(&plugin);
}

static void absent_plugin_says_where_it_was_looked_for(void **state) {
  (void)state;
  load_fails("nosuch", KG_E_PLUGIN, "/keyguard/nosuch.so");
  load_fails("/nosuch/plugin.so", KG_E_PLUGIN, "/nosuch/plugin.so");
}

/* Nothing is found by way of the working folder or of a name that climbs. */
static void relative_paths_are_refused(void **state) {
  (void)state;
  load_fails("./imds.so", KG_E_PLUGIN, "absolute path");
  load_fails("../imds", KG_E_PLUGIN, "absolute path");
  load_fails("folder/imds", KG_E_PLUGIN, "absolute path");
  load_fails(".imds", KG_E_PLUGIN, "absolute path");
  load_fails("", KG_E_PLUGIN, "absolute path");
}

static void other_versions_are_told_apart(void **state) {
  (void)state;
  load_fails(FAKE_PLUGIN_OLDER, KG_E_PLUGIN, "older");
  load_fails(FAKE_PLUGIN_NEWER, KG_E_PLUGIN, "newer");
  load_fails(FAKE_PLUGIN_STRANGER, KG_E_PLUGIN, "another release");
}

static void incomplete_plugins_are_refused(void **state) {
  (void)state;
  load_fails(FAKE_PLUGIN_NO_ENTRY, KG_E_PLUGIN, "keyguard_credential_plugin");
  load_fails(FAKE_PLUGIN_NO_ACQUIRE, KG_E_PLUGIN, "lacks a function");
  load_fails(scratch_write("text.so", "no library", 0644), KG_E_PLUGIN, "cannot load");
}

/* A file that others may write is code of theirs. */
static void untrusted_plugin_is_not_loaded(void **state) {
  (void)state;
  load_fails(scratch_write("open.so", "no library", 0666), KG_E_UNTRUSTED, "open.so");
  scratch_mkdir("shared", 0777);
  load_fails(scratch_write("shared/inside.so", "no library", 0644), KG_E_UNTRUSTED, "shared");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE("/plugin_loader/plugin_of_this_version_is_loaded", plugin_of_this_version_is_loaded),
      CASE("/plugin_loader/absent_plugin_says_where_it_was_looked_for", absent_plugin_says_where_it_was_looked_for),
      CASE("/plugin_loader/relative_paths_are_refused", relative_paths_are_refused),
      CASE("/plugin_loader/other_versions_are_told_apart", other_versions_are_told_apart),
      CASE("/plugin_loader/incomplete_plugins_are_refused", incomplete_plugins_are_refused),
      CASE("/plugin_loader/untrusted_plugin_is_not_loaded", untrusted_plugin_is_not_loaded)};
  return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
