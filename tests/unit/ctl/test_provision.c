/* Provisioning as keyguardctl does it, with a real token and a plugin that issues by itself. */
#include "ctl/provision.h"

#include "core/base/strength.h"
#include "core/key/key.h"
#include "core/os/file.h"
#include "core/os/lock.h"
#include "core/state/binding_reader.h"
#include "core/state/config_parse.h"
#include "ctl/failure.h"
#include "softhsm.h"
#include "tests/support/scratch.h"
#include "wire/crypto.h"

#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DAY 86400

static struct kg_softhsm *softhsm;
static int64_t shift_s; /* what the wall clock is off by */

static int64_t shifted_wall(void *context) {
  (void)context;
  return kg_clock_system()->wall(NULL) + shift_s;
}

static const struct kg_clock *shifted_clock(void) {
  static struct kg_clock clock;
  clock = *kg_clock_system();
  clock.wall = shifted_wall;
  return &clock;
}

static int setup_all(void **state) {
  scratch_setup(state);
  softhsm = kg_softhsm_new();
  kg_softhsm_add_token(softhsm, "backing");
  return 0;
}

static int teardown_all(void **state) {
  kg_softhsm_free(&softhsm);
  return scratch_teardown(state);
}

/* A case has its own state folder, key and log of the plugin's calls. */
struct world {
  struct kg_config *config;
  const struct kg_identity *identity;
  struct kg_provision_options options;
  struct kg_provision_result result;
  struct kg_error error;
  char *log;
};

static int setup(void **state) {
  static const char *const variables[] = {"FAKE_PLUGIN", "FAKE_PLUGIN_FROM", "FAKE_PLUGIN_TO", "FAKE_PLUGIN_REQUESTS",
                                          "FAKE_PLUGIN_RETRY_AFTER"};
  static unsigned number;
  struct world *world = calloc(1, sizeof *world);
  char name[16];
  snprintf(name, sizeof name, "world%u", number++);
  scratch_mkdir(name, 0755);
  char *uri = kg_softhsm_uri(softhsm, NULL, "backing", name);
  char text[2048];
  snprintf(text, sizeof text,
           "[keyguard]\nstate-dir = %s/state\nplugin = %s\nmetadata-endpoint = http://127.0.0.1:1\ndeadline = 20\n"
           "[identity web]\nkey-store = %s\nmtls-proof-of-possession = true\nminimum-strength = software\n",
           scratch_path(name), FAKE_PLUGIN_PATH, uri);
  free(uri);
  if (kg_config_parse("test.conf", kg_span_text(text), &world->config, &world->error) != KG_OK)
    fail_msg("%s", world->error.text);
  world->identity = &world->config->identities[0];
  snprintf(text, sizeof text, "%s/log", scratch_path(name));
  world->log = kg_strdup(text);
  setenv("FAKE_PLUGIN_LOG", text, 1);
  for (size_t i = 0; i < COUNT(variables); i++)
    unsetenv(variables[i]);
  shift_s = 0;
  *state = world;
  return 0;
}

static int teardown(void **state) {
  struct world *world = *state;
  kg_binding_free(&world->result.binding);
  kg_config_free(&world->config);
  free(world->log);
  free(world);
  return 0;
}

static enum kg_status provision(struct world *world) {
  kg_binding_free(&world->result.binding);
  world->error = (struct kg_error){0};
  return kg_provision(world->config, world->identity, &world->options, shifted_clock(), &world->result, &world->error);
}

static void expect_good(struct world *world, bool issued) {
  if (provision(world) != KG_OK) fail_msg("%s", world->error.text);
  assert_int_equal(world->result.issued, issued);
  assert_non_null(world->result.binding);
}

static void expect_failure(struct world *world, enum kg_status status, const char *part) {
  enum kg_status found = provision(world);
  if (found != status) fail_msg("%s: %s", kg_status_name(found), world->error.text);
  if (strstr(world->error.text, part) == NULL) fail_msg("'%s' does not say '%s'", world->error.text, part);
  assert_null(world->result.binding);
}

/* How often the plugin was called. */
static int calls(const struct world *world) {
  char *text = access(world->log, R_OK) == 0 ? scratch_read(world->log) : NULL;
  int count = 0;
  for (const char *at = text; at != NULL && (at = strchr(at, '\n')) != NULL; at++)
    count++;
  free(text);
  return count;
}

static bool last_call_says(const struct world *world, const char *part) {
  char *text = scratch_read(world->log), *last = text;
  for (char *at = text; (at = strchr(at, '\n')) != NULL && at[1]; at++)
    last = at + 1;
  bool found = strstr(last, part) != NULL;
  free(text);
  return found;
}

static struct kg_binding *stored(const struct world *world) {
  struct kg_binding *binding = NULL;
  struct kg_error error = {0};
  char *path = kg_binding_path(world->config->state_dir, "web");
  if (kg_binding_load(path, &binding, NULL, &error) != KG_OK) assert_null(binding);
  free(path);
  return binding;
}

static bool has_failure(const struct world *world) {
  struct kg_failure failure;
  char *path = kg_failure_path(world->config->state_dir, "web");
  bool has = kg_failure_load(path, &failure);
  free(path);
  return has;
}

static void first_call_issues_and_the_second_finds_it_good(void **state) {
  struct world *world = *state;
  expect_good(world, true);
  assert_int_equal(calls(world), 1);
  assert_true(last_call_says(world, "web selector=0: bypass=0 drop=0 attest=0 endpoint=http://127.0.0.1:1"));
  unsigned char first[32];
  memcpy(first, world->result.binding->sha256, sizeof first);
  expect_good(world, false);
  assert_memory_equal(world->result.binding->sha256, first, sizeof first);
  assert_int_equal(calls(world), 1);
}

static void binding_tells_everything(void **state) {
  struct world *world = *state;
  expect_good(world, true);
  struct kg_binding *binding = stored(world);
  assert_non_null(binding);
  assert_string_equal(binding->identity, "web");
  assert_string_equal(binding->client_id, "11111111-2222-3333-4444-555555555555");
  assert_string_equal(binding->token_endpoint, "https://localhost/tenant/oauth2/v2.0/token");
  assert_false(binding->attested);
  assert_int_equal(binding->strength, KG_STRENGTH_SOFTWARE);
  assert_int_equal(binding->key_bits, 2048);
  assert_true(binding->capabilities & KG_CAN_SIGN_PSS);
  assert_null(strstr(binding->key_store, "pin"));
  assert_in_range(binding->issued_at, time(NULL) - 60, time(NULL));
  kg_binding_free(&binding);
}

static void force_issues_again_past_the_cache(void **state) {
  struct world *world = *state;
  expect_good(world, true);
  world->options.force = true;
  expect_good(world, true);
  assert_int_equal(calls(world), 2);
  assert_true(last_call_says(world, "bypass=1"));
}

static void due_binding_is_renewed_for_the_same_key(void **state) {
  struct world *world = *state;
  expect_good(world, true);
  struct kg_binding *old = stored(world);
  shift_s = 5 * DAY;
  world->options.accept_due = true; /* a token request goes on with it */
  expect_good(world, false);
  world->options.accept_due = false;
  expect_good(world, true);
  assert_int_equal(calls(world), 2);
  assert_true(last_call_says(world, "bypass=0"));
  assert_true(kg_span_equal(kg_buf_span(&old->leaf.id), kg_buf_span(&world->result.binding->leaf.id)));
  assert_memory_not_equal(old->sha256, world->result.binding->sha256, 32);
  kg_binding_free(&old);
}

static void clock_of_1970_renews_nothing_that_it_cannot_judge(void **state) {
  struct world *world = *state;
  expect_good(world, true);
  shift_s = -30 * DAY;
  /* Not valid yet, says that clock: a new one is tried, for that is all it knows. */
  setenv("FAKE_PLUGIN", "refuse", 1);
  expect_failure(world, KG_E_IMDS_FAILED, "fake");
  shift_s = 0;
  struct kg_binding *kept = stored(world);
  assert_non_null(kept);
  kg_binding_free(&kept);
}

static void rejected_certificate_is_replaced_once_for_all(void **state) {
  struct world *world = *state;
  expect_good(world, true);
  struct kg_binding *rejected = stored(world);
  world->options = (struct kg_provision_options){.rejected = rejected, .accept_due = true, .drop_attestation = true};
  expect_good(world, true);
  assert_true(last_call_says(world, "bypass=1 drop=1"));
  expect_good(world, false); /* the next one that was rejected with it finds another certificate */
  assert_int_equal(calls(world), 2);
  kg_binding_free(&rejected);
}

static void failed_renewal_keeps_the_old_binding(void **state) {
  static const char *const behaviours[] = {"refuse",
                                           "wrong_key",
                                           "no_certificate",
                                           "bad_certificate",
                                           "no_client_id",
                                           "no_type",
                                           "no_endpoint",
                                           "http_endpoint",
                                           "no_tenant_id",
                                           "small",
                                           "nothing",
                                           "long_chain",
                                           "nonsense",
                                           "long_client_id",
                                           "long_tenant_id",
                                           "long_type",
                                           "type_of_two_lines",
                                           "long_endpoint",
                                           "long_authentication_endpoint",
                                           "no_authentication_endpoint"};
  struct world *world = *state;
  expect_good(world, true);
  world->options.force = true;
  for (size_t i = 0; i < COUNT(behaviours); i++) {
    setenv("FAKE_PLUGIN", behaviours[i], 1);
    assert_int_not_equal(provision(world), KG_OK);
    struct kg_binding *kept = stored(world);
    if (kept == NULL) fail_msg("%s lost the binding", behaviours[i]);
    kg_binding_free(&kept);
  }
  world->options.force = false;
  expect_good(world, false);
}

static void broken_contracts_are_named(void **state) {
  static const struct {
    const char *behaviour;
    enum kg_status status;
    const char *part;
  } table[] = {{"wrong_key", KG_E_INVALID_CERTIFICATE, "another key"},
               {"bad_certificate", KG_E_INVALID_CERTIFICATE, "certificate"},
               {"no_certificate", KG_E_PLUGIN, "certificate"},
               {"no_client_id", KG_E_PLUGIN, "client id"},
               {"no_endpoint", KG_E_PLUGIN, "token endpoint"},
               {"http_endpoint", KG_E_PLUGIN, "token endpoint"},
               {"small", KG_E_PLUGIN, "credential"},
               {"nothing", KG_E_PLUGIN, "credential"},
               {"long_chain", KG_E_PLUGIN, "chain"},
               {"nonsense", KG_E_PLUGIN, "xxx"},
               {"long_client_id", KG_E_PLUGIN, "client id"},
               {"long_tenant_id", KG_E_PLUGIN, "tenant id"},
               {"long_type", KG_E_PLUGIN, "type"},
               {"type_of_two_lines", KG_E_PLUGIN, "type"},
               {"long_endpoint", KG_E_PLUGIN, "token endpoint"},
               {"long_authentication_endpoint", KG_E_PLUGIN, "authentication endpoint"},
               {"no_authentication_endpoint", KG_E_PLUGIN, "authentication endpoint"},
               {"v1_only", KG_E_IMDS_V1_ONLY, "fake"},
               {"disabled", KG_E_DISABLED, "fake"},
               {"own_code", KG_E_KEYGUARD_UNAVAILABLE, "fake"}};
  struct world *world = *state;
  world->options.force = true;
  for (size_t i = 0; i < COUNT(table); i++) {
    setenv("FAKE_PLUGIN", table[i].behaviour, 1);
    expect_failure(world, table[i].status, table[i].part);
  }
  struct kg_binding *none = stored(world);
  assert_null(none);
}

static void unattested_credential_is_refused_where_attestation_is_on(void **state) {
  struct world *world = *state;
  world->config->identities[0].attestation = true;
  setenv("FAKE_PLUGIN", "unattested", 1);
  expect_failure(world, KG_E_ATTESTATION_FAILED, "unattested");
  unsetenv("FAKE_PLUGIN");
  world->options.force = true;
  expect_good(world, true);
  assert_true(world->result.binding->attested);
}

static void certificates_of_another_time_name_both_clocks(void **state) {
  struct world *world = *state;
  world->options.force = true;
  setenv("FAKE_PLUGIN_FROM", "200", 1); /* a little in the future is stored and used */
  expect_good(world, true);
  setenv("FAKE_PLUGIN_FROM", "3600", 1);
  expect_failure(world, KG_E_INVALID_CERTIFICATE, "this clock");
  setenv("FAKE_PLUGIN_FROM", "-7200", 1);
  setenv("FAKE_PLUGIN_TO", "-3600", 1);
  expect_failure(world, KG_E_INVALID_CERTIFICATE, "the service's");
}

static void gates_come_before_any_io(void **state) {
  struct world *world = *state;
  world->config->identities[0].proof_of_possession = false;
  expect_failure(world, KG_E_POP_REQUIRED, "web");
  world->config->identities[0].attestation = true;
  expect_failure(world, KG_E_ATTESTATION_REQUIRES_POP, "web");
  world->config->identities[0].proof_of_possession = true;
  setenv("MSAL_MI_DISABLE_IMDS_V2", "1", 1);
  expect_failure(world, KG_E_DISABLED, "MSAL_MI_DISABLE_IMDS_V2");
  unsetenv("MSAL_MI_DISABLE_IMDS_V2");
  assert_int_not_equal(access(world->config->state_dir, F_OK), 0);
  assert_int_equal(calls(world), 0);
}

static void key_below_the_floor_is_refused_and_not_left_behind(void **state) {
  struct world *world = *state;
  world->config->identities[0].floor = KG_STRENGTH_KEYGUARD;
  expect_failure(world, KG_E_KEYGUARD_UNAVAILABLE, "keyguard");
  assert_non_null(strstr(world->error.text, "software"));
  assert_int_equal(calls(world), 0);
  struct kg_error error = {0};
  struct kg_key *key = NULL;
  assert_int_equal(kg_key_open(world->identity->key_store, 0, &key, &error), KG_E_KEY_NOT_FOUND);
}

/* A key that others may be using is not destroyed for a floor. */
static void key_that_was_there_stays_below_the_floor(void **state) {
  struct world *world = *state;
  expect_good(world, true);
  world->config->identities[0].floor = KG_STRENGTH_HARDWARE;
  expect_failure(world, KG_E_KEYGUARD_UNAVAILABLE, "hardware");
  struct kg_key *key = NULL;
  struct kg_error error = {0};
  assert_int_equal(kg_key_open(world->identity->key_store, 0, &key, &error), KG_OK);
  kg_key_close(&key);
}

static void lost_key_orphans_the_binding_and_is_made_anew(void **state) {
  struct world *world = *state;
  expect_good(world, true);
  struct kg_binding *old = stored(world);
  struct kg_error error = {0};
  struct kg_key *key = NULL;
  assert_int_equal(kg_key_open(world->identity->key_store, 0, &key, &error), KG_OK);
  assert_int_equal(kg_key_delete(&key, &error), KG_OK);
  expect_good(world, true);
  assert_int_equal(calls(world), 2);
  assert_false(kg_span_equal(kg_buf_span(&old->modulus), kg_buf_span(&world->result.binding->modulus)));
  kg_binding_free(&old);
}

static void binding_of_another_configuration_is_replaced(void **state) {
  struct world *world = *state;
  expect_good(world, true);
  world->config->identities[0].selector = KG_SELECT_CLIENT_ID;
  world->config->identities[0].selector_value = kg_strdup("22222222-2222-3333-4444-555555555555");
  expect_good(world, true);
  assert_true(last_call_says(world, "selector=1:22222222-2222-3333-4444-555555555555"));
  expect_good(world, false);
}

static void failures_are_remembered_and_forced_past(void **state) {
  struct world *world = *state;
  setenv("FAKE_PLUGIN", "refuse", 1);
  expect_failure(world, KG_E_IMDS_FAILED, "fake");
  expect_failure(world, KG_E_IMDS_FAILED, "--force tries now");
  assert_int_equal(world->error.http_status, 400);
  assert_string_equal(world->error.correlation_id, "0f0f0f0f-1111-4222-8333-444444444444");
  assert_int_equal(calls(world), 1);
  shift_s = KG_FAILURE_DELAY_FIRST_S;
  expect_failure(world, KG_E_IMDS_FAILED, "fake");
  assert_int_equal(calls(world), 2);
  shift_s = 2 * KG_FAILURE_DELAY_FIRST_S; /* now it waits longer */
  expect_failure(world, KG_E_IMDS_FAILED, "--force tries now");
  assert_int_equal(calls(world), 2);
  world->options.force = true;
  unsetenv("FAKE_PLUGIN");
  expect_good(world, true);
  assert_false(has_failure(world));
}

/* A hundred starts in a minute: the first failure, and few after it. */
static void crash_loop_asks_rarely(void **state) {
  struct world *world = *state;
  setenv("FAKE_PLUGIN", "refuse", 1);
  for (int i = 0; i < 100; i++, shift_s = i * 60 / 100)
    assert_int_not_equal(provision(world), KG_OK);
  assert_in_range(calls(world), 2, 5);
}

/* The operator has changed something: another attempt, at once. */
static void mended_configuration_is_tried_at_once(void **state) {
  struct world *world = *state;
  struct kg_identity *identity = &world->config->identities[0];
  setenv("FAKE_PLUGIN", "refuse", 1);
  expect_failure(world, KG_E_IMDS_FAILED, "fake");
  expect_failure(world, KG_E_IMDS_FAILED, "--force tries now");
  identity->selector = KG_SELECT_CLIENT_ID;
  identity->selector_value = kg_strdup("22222222-2222-3333-4444-555555555555");
  expect_failure(world, KG_E_IMDS_FAILED, "fake");
  assert_int_equal(calls(world), 2);
  world->config->attestation_library = kg_strdup("/nosuch/library.so");
  expect_failure(world, KG_E_IMDS_FAILED, "fake");
  assert_int_equal(calls(world), 3);
  free(world->config->metadata_endpoint);
  world->config->metadata_endpoint = kg_strdup("http://127.0.0.1:2");
  expect_failure(world, KG_E_IMDS_FAILED, "fake");
  assert_int_equal(calls(world), 4);
  expect_failure(world, KG_E_IMDS_FAILED, "--force tries now");
}

/* The file itself, even where it says the same: somebody has been at it. */
static void newer_configuration_file_is_tried_at_once(void **state) {
  struct world *world = *state;
  free(world->config->path);
  world->config->path = kg_strdup(scratch_write("edited.conf", "1", 0644));
  setenv("FAKE_PLUGIN", "refuse", 1);
  expect_failure(world, KG_E_IMDS_FAILED, "fake");
  expect_failure(world, KG_E_IMDS_FAILED, "--force tries now");
  scratch_write("edited.conf", "22", 0644);
  expect_failure(world, KG_E_IMDS_FAILED, "fake");
  assert_int_equal(calls(world), 2);
}

static void what_never_left_is_not_remembered(void **state) {
  struct world *world = *state;
  setenv("FAKE_PLUGIN", "refuse", 1);
  setenv("FAKE_PLUGIN_REQUESTS", "0", 1);
  expect_failure(world, KG_E_IMDS_FAILED, "fake");
  assert_false(has_failure(world));
  expect_failure(world, KG_E_IMDS_FAILED, "fake");
  assert_int_equal(calls(world), 2);
}

static void throttling_service_is_left_alone(void **state) {
  struct world *world = *state;
  setenv("FAKE_PLUGIN", "refuse", 1);
  setenv("FAKE_PLUGIN_RETRY_AFTER", "120", 1);
  expect_failure(world, KG_E_IMDS_FAILED, "fake");
  shift_s = 100;
  expect_failure(world, KG_E_IMDS_FAILED, "--force tries now");
  shift_s = 130;
  expect_failure(world, KG_E_IMDS_FAILED, "fake");
  assert_int_equal(calls(world), 2);
}

/* What people mend is tried at once: nothing is remembered of a floor, a gate, a plugin that is missing. */
static void local_mistakes_are_not_remembered(void **state) {
  struct world *world = *state;
  char *plugin = world->config->plugin;
  world->config->plugin = kg_strdup("/nosuch.so");
  expect_failure(world, KG_E_PLUGIN, "/nosuch.so");
  assert_false(has_failure(world));
  free(world->config->plugin);
  world->config->plugin = plugin;
  expect_good(world, true);
}

static void busy_lock_ends_the_wait_with_its_holder(void **state) {
  struct world *world = *state;
  expect_good(world, true);
  char *path = kg_file_join(world->config->state_dir, "web", ".lock");
  struct kg_error error = {0};
  struct kg_lock *lock = NULL;
  assert_int_equal(kg_lock_acquire(path, 0, kg_clock_system(), &lock, &error), KG_OK);
  world->config->deadline_s = 0;
  expect_good(world, false); /* what is good needs no lock */
  world->options.force = true;
  expect_failure(world, KG_E_LOCK_BUSY, "");
  kg_lock_release(&lock);
  free(path);
}

/* 16 processes at once, cold: one of them asks, the others find it good. */
static void waiters_find_the_binding_good(void **state) {
  struct world *world = *state;
  enum { PROCESSES = 16 };
  world->config->deadline_s = 60;
  pid_t children[PROCESSES];
  for (int i = 0; i < PROCESSES; i++) {
    children[i] = fork();
    assert_true(children[i] >= 0);
    if (children[i] == 0) _exit(provision(world) == KG_OK ? 0 : 1);
  }
  for (int i = 0; i < PROCESSES; i++) {
    int status = 0;
    assert_int_equal(waitpid(children[i], &status, 0), children[i]);
    assert_int_equal(status, 0);
  }
  assert_int_equal(calls(world), 1);
}

static void finding_needs_no_key_store(void **state) {
  struct world *world = *state;
  struct kg_binding *binding = NULL;
  struct kg_error error = {0};
  int64_t now = time(NULL);
  assert_int_equal(kg_provision_find(world->config, world->identity, now, &binding, &error), KG_E_NOT_FOUND);
  assert_non_null(strstr(error.text, "keyguardctl provision web"));
  expect_good(world, true);
  kg_key_uri_free(&world->config->identities[0].key_store);
  assert_int_equal(kg_key_uri_parse("pkcs11:token=none;object=none?module-path=/nosuch.so",
                                    &world->config->identities[0].key_store, &error),
                   KG_OK);
  assert_int_equal(kg_provision_find(world->config, world->identity, now, &binding, &error), KG_OK);
  kg_binding_free(&binding);
  assert_int_equal(kg_provision_find(world->config, world->identity, now + 8 * DAY, &binding, &error),
                   KG_E_BINDING_STALE);
  assert_null(binding);
}

int main(void) {
#define WORLD(path, function)                                                                                          \
  { path, function, setup, teardown, NULL }
  const struct CMUnitTest tests[] = {
      WORLD("/provision/first_call_issues_and_the_second_finds_it_good",
            first_call_issues_and_the_second_finds_it_good),
      WORLD("/provision/binding_tells_everything", binding_tells_everything),
      WORLD("/provision/force_issues_again_past_the_cache", force_issues_again_past_the_cache),
      WORLD("/provision/due_binding_is_renewed_for_the_same_key", due_binding_is_renewed_for_the_same_key),
      WORLD("/provision/clock_of_1970_renews_nothing_that_it_cannot_judge",
            clock_of_1970_renews_nothing_that_it_cannot_judge),
      WORLD("/provision/rejected_certificate_is_replaced_once_for_all", rejected_certificate_is_replaced_once_for_all),
      WORLD("/provision/failed_renewal_keeps_the_old_binding", failed_renewal_keeps_the_old_binding),
      WORLD("/provision/broken_contracts_are_named", broken_contracts_are_named),
      WORLD("/provision/unattested_credential_is_refused_where_attestation_is_on",
            unattested_credential_is_refused_where_attestation_is_on),
      WORLD("/provision/certificates_of_another_time_name_both_clocks", certificates_of_another_time_name_both_clocks),
      WORLD("/provision/gates_come_before_any_io", gates_come_before_any_io),
      WORLD("/provision/key_below_the_floor_is_refused_and_not_left_behind",
            key_below_the_floor_is_refused_and_not_left_behind),
      WORLD("/provision/key_that_was_there_stays_below_the_floor", key_that_was_there_stays_below_the_floor),
      WORLD("/provision/lost_key_orphans_the_binding_and_is_made_anew", lost_key_orphans_the_binding_and_is_made_anew),
      WORLD("/provision/binding_of_another_configuration_is_replaced", binding_of_another_configuration_is_replaced),
      WORLD("/provision/failures_are_remembered_and_forced_past", failures_are_remembered_and_forced_past),
      WORLD("/provision/crash_loop_asks_rarely", crash_loop_asks_rarely),
      WORLD("/provision/mended_configuration_is_tried_at_once", mended_configuration_is_tried_at_once),
      WORLD("/provision/newer_configuration_file_is_tried_at_once", newer_configuration_file_is_tried_at_once),
      WORLD("/provision/what_never_left_is_not_remembered", what_never_left_is_not_remembered),
      WORLD("/provision/throttling_service_is_left_alone", throttling_service_is_left_alone),
      WORLD("/provision/local_mistakes_are_not_remembered", local_mistakes_are_not_remembered),
      WORLD("/provision/busy_lock_ends_the_wait_with_its_holder", busy_lock_ends_the_wait_with_its_holder),
      WORLD("/provision/waiters_find_the_binding_good", waiters_find_the_binding_good),
      WORLD("/provision/finding_needs_no_key_store", finding_needs_no_key_store)};
  struct kg_error error = {0};
  if (kg_crypto_isolate(&error) != KG_OK) return 1;
  return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
