#include "support_commands.h"

#include "core/base/log.h"
#include "softhsm.h"
#include "support_ca.h"
#include "tests/support/scratch.h"

#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct kg_softhsm *softhsm;
const char *configuration, *empty_configuration;

struct support_ran ran;

static void capture(void *context, enum kg_log_level level, const char *line) {
  size_t used = strlen(ran.log);
  (void)context, (void)level;
  snprintf(ran.log + used, sizeof ran.log - used, "%s\n", line);
}

void run(const struct kg_command *command, const char *line) {
  memset(&ran, 0, sizeof ran);
  struct kg_run context = {.out = fmemopen(ran.out, sizeof ran.out, "w"),
                           .err = fmemopen(ran.err, sizeof ran.err, "w"),
                           .clock = kg_clock_system(),
                           .config_path = strstr(line, "--config") != NULL ? NULL : configuration};
  char copy[1024];
  snprintf(copy, sizeof copy, "%s", line);
  char *argv[24] = {0};
  int argc = 0;
  for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
    argv[argc++] = word;
  kg_log_capture(capture, NULL);
  ran.exit_code = command->run(command, &context, argc, argv);
  kg_log_capture(NULL, NULL);
  kg_config_free(&context.config);
  fclose(context.out);
  fclose(context.err);
}

bool printed(const char *text) {
  return strstr(ran.out, text) != NULL || strstr(ran.err, text) != NULL || strstr(ran.log, text) != NULL;
}

void expect(int exit_code) {
  if (ran.exit_code != exit_code) fail_msg("exit code %d: %s%s%s", ran.exit_code, ran.out, ran.err, ran.log);
}

cJSON *json(void) {
  cJSON *object = cJSON_Parse(ran.out);
  if (object == NULL) fail_msg("no JSON: %s", ran.out);
  assert_string_equal(ran.err, "");
  return object;
}

const char *text_of(const cJSON *object, const char *name) {
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(object, name));
  return text != NULL ? text : "";
}

int commands_setup(void **state) {
  static char path[256], empty[256];
  scratch_setup(state);
  softhsm = kg_softhsm_new();
  kg_softhsm_add_token(softhsm, "backing");
  char *uri = kg_softhsm_uri(softhsm, NULL, "backing", "commands");
  char text[4096];
  snprintf(text, sizeof text,
           "[keyguard]\nstate-dir = %s/state\nplugin = %s\nmetadata-endpoint = http://127.0.0.1:1\nca-file = %s\n"
           "deadline = 30\n"
           "[identity web]\nkey-store = %s\nmtls-proof-of-possession = true\nminimum-strength = software\n"
           "[identity weak]\nkey-store = %s\nmtls-proof-of-possession = true\n",
           scratch_folder(), FAKE_PLUGIN_PATH, support_ca_file(scratch_folder()), uri, uri);
  free(uri);
  snprintf(path, sizeof path, "%s", scratch_write("keyguard.conf", text, 0600));
  snprintf(empty, sizeof empty, "%s", scratch_write("empty.conf", "", 0600));
  configuration = path;
  empty_configuration = empty;
  return 0;
}

int commands_teardown(void **state) {
  kg_softhsm_free(&softhsm);
  return scratch_teardown(state);
}

int commands_clean(void **state) {
  (void)state;
  unlink(scratch_path("state/web.json"));
  unlink(scratch_path("state/web.failure"));
  unsetenv("FAKE_PLUGIN");
  unsetenv("FAKE_PLUGIN_ENDPOINT");
  return 0;
}
