#include "ctl/doctor.h"

#include "core/base/strength.h"
#include "core/key/key.h"
#include "core/os/file.h"
#include "core/os/lock.h"
#include "core/state/binding.h"
#include "core/state/binding_reader.h"
#include "ctl/failure.h"
#include "ctl/fingerprint.h"
#include "ctl/identification.h"
#include "ctl/output.h"
#include "ctl/plugin_call.h"
#include "ctl/provision.h"
#include "ctl/renew.h"
#include "ctl/watchdog.h"
#include "wire/source.h"

#include <stdlib.h>

static bool check_gates(struct kg_doctor *doctor, const struct kg_identity *identity) {
  struct kg_error error = {0};
  enum kg_status status = kg_identity_check_gates(identity, &error);
  if (status != KG_OK) {
    kg_doctor_fail(doctor, "gates", KG_CURE_NONE, &error);
    return false;
  }
  status = kg_source_check(&error);
  if (status != KG_OK) {
    (void)kg_error_prefix(&error, status, "nothing can be issued or renewed");
    kg_doctor_fail_issuing(doctor, "gates", KG_CURE_NONE, &error);
    return false;
  }
  kg_doctor_ok(doctor, "gates", "proof of possession%s, at least %s",
               identity->attestation ? " and attestation" : ", without attestation", kg_strength_name(identity->floor));
  return true;
}

/* What the plugin would need, as it says itself. */
static void check_needs(struct kg_doctor *doctor, const struct kg_identity *identity) {
  const char *check = identity->attestation ? "attestation library" : "plugin's needs";
  if (doctor->plugin == NULL) return; /* which is a finding already */
  doctor->check = check;
  struct kg_watchdog watchdog = {.identity = identity->name, .end = kg_doctor_end, .context = doctor};
  struct kg_error error = {0};
  bool known = false;
  enum kg_status status = kg_watchdog_start(&watchdog, KG_DOCTOR_ASK_MS, &kg_awaited_plugin, &error);
  if (status == KG_OK) status = kg_plugin_call_check(doctor->run->config, identity, doctor->run->clock, &known, &error);
  kg_watchdog_stop(&watchdog);
  if (status != KG_OK)
    kg_doctor_fail_issuing(doctor, check, KG_CURE_NONE, &error);
  else if (known)
    kg_doctor_ok(doctor, check, "%s", "can be loaded");
  else
    kg_doctor_skip(doctor, check, "not looked at: plugin '%s' does not say what it needs",
                   kg_plugin_get(doctor->plugin)->name);
}

/* Whoever provisions takes it. */
static void check_lock(struct kg_doctor *doctor, const struct kg_identity *identity) {
  char *path = kg_file_join(doctor->run->config->state_dir, identity->name, ".lock");
  struct kg_error error = {0};
  enum kg_status status = path != NULL ? kg_lock_check(path, &error) : kg_error_no_memory(&error, "for a path");
  if (status == KG_E_LOCK_BUSY)
    kg_doctor_warn(doctor, "lock", KG_CURE_LOCK_BUSY, "%s", error.text);
  else if (status != KG_OK && !doctor->signs_only)
    kg_doctor_fail_issuing(doctor, "lock", KG_CURE_LOCK_FILE, &error);
  free(path);
}

static void check_strength(struct kg_doctor *doctor, const struct kg_identity *identity,
                           const struct kg_key_info *info) {
  if (info->strength >= identity->floor) {
    kg_doctor_ok(doctor, "key store", "opens; RSA %u, %s%s", info->bits, kg_strength_name(info->strength),
                 kg_key_uri_has(identity->key_store, KG_STORE_PER_BOOT) ? ", for this boot" : "");
    return;
  }
  struct kg_error error = {0};
  (void)kg_error_set(&error, KG_E_KEYGUARD_UNAVAILABLE, "the key is %s, and minimum-strength is %s",
                     kg_strength_name(info->strength), kg_strength_name(identity->floor));
  kg_doctor_fail(doctor, "key store", KG_CURE_NONE, &error);
}

/* A store that replaces what is dead needs no word of ours. */
static enum kg_cure cure_of_key(const struct kg_identity *identity, enum kg_status status) {
  if (status == KG_E_CONFIG) return KG_CURE_KEY_AMBIGUOUS;
  if (status != KG_E_KEY_DEAD || !kg_key_uri_has(identity->key_store, KG_STORE_REPLACES_DEAD)) return KG_CURE_NONE;
  return KG_CURE_KEY_DEAD_REPLACED;
}

/* The key stays open for the check of the binding; NULL where it does not sign. */
static struct kg_key *check_key(struct kg_doctor *doctor, const struct kg_identity *identity) {
  struct kg_key *key = NULL;
  struct kg_error error = {0};
  if (kg_key_open(identity->key_store, KG_KEY_PATIENT, &key, &error) != KG_OK) {
    kg_doctor_fail(doctor, "key store", cure_of_key(identity, error.status), &error);
    return NULL;
  }
  check_strength(doctor, identity, kg_key_info(key));
  if (kg_key_probe(key, &error) == KG_OK) {
    kg_doctor_ok(doctor, "signature", "made and good");
    return key;
  }
  kg_doctor_fail(doctor, "signature", cure_of_key(identity, error.status), &error);
  kg_key_close(&key);
  return NULL;
}

static void check_life(struct kg_doctor *doctor, const struct kg_binding *binding) {
  char left[KG_DURATION_SIZE];
  int64_t now = doctor->run->clock->wall(doctor->run->clock->context);
  struct kg_renew plan = kg_renew_binding(binding, now);
  kg_duration_format(plan.left_s, left);
  char age[KG_DURATION_SIZE];
  kg_duration_format(now - binding->issued_at, age);
  if (plan.state == KG_RENEW_LATE || plan.state == KG_RENEW_LATEST)
    kg_doctor_warn(doctor, "binding", KG_CURE_TIMER, "issued %s ago, only %s left", age, left);
  else
    kg_doctor_ok(doctor, "binding", "issued %s ago, %s left%s", age, left,
                 plan.state == KG_RENEW_DUE ? ", due for renewal" : "");
}

/* A binding that is good in all that can be seen from here may be another machine's. */
static void check_machine(struct kg_doctor *doctor, const struct kg_identity *identity,
                          const struct kg_binding *binding) {
  const struct kg_clock *clock = doctor->run->clock;
  struct kg_plugin_machine machine;
  struct kg_error error = {0};
  bool known = false;
  if (!doctor->metadata_answers) return;
  if (kg_identification_get(doctor->run->config, identity, clock, clock->elapsed_ms(clock->context) + KG_DOCTOR_ASK_MS,
                            &machine, &known, &error) != KG_OK)
    kg_doctor_fail_issuing(doctor, "machine", error.status == KG_E_IDENTITY ? KG_CURE_IDENTITY : KG_CURE_NONE, &error);
  else if (known && kg_identification_compare(binding, &machine, &error) != KG_OK)
    kg_doctor_fail(doctor, "machine", KG_CURE_MACHINE, &error);
  else if (known)
    kg_doctor_ok(doctor, "machine", "the metadata service says the same client, tenant and virtual machine");
}

/* The binding where it is good, and fits the key if there is one; else NULL. */
static struct kg_binding *check_binding(struct kg_doctor *doctor, const struct kg_identity *identity,
                                        const struct kg_key *key) {
  char *path = kg_binding_path(doctor->run->config->state_dir, identity->name);
  struct kg_binding *binding = NULL;
  struct kg_error error = {0};
  int64_t now = doctor->run->clock->wall(doctor->run->clock->context);
  enum kg_status status =
      path != NULL ? kg_binding_load(path, &binding, NULL, &error) : kg_error_no_memory(&error, "for a path");
  if (status == KG_E_NOT_FOUND) status = kg_error_set(&error, KG_E_NOT_FOUND, "there is none yet");
  if (status == KG_OK) status = kg_provision_check(doctor->run->config, identity, binding, now, &error);
  if (status == KG_OK && key != NULL) status = kg_binding_check_key(binding, kg_key_info(key), &error);
  if (status != KG_OK)
    kg_doctor_fail(doctor, "binding", KG_CURE_NONE, &error);
  else
    check_life(doctor, binding);
  free(path);
  if (status != KG_OK) kg_binding_free(&binding);
  return binding;
}

static void check_failure(struct kg_doctor *doctor, const struct kg_identity *identity) {
  char *path = kg_failure_path(doctor->run->config->state_dir, identity->name);
  char *fingerprint = kg_fingerprint(doctor->run->config, identity);
  int64_t now = doctor->run->clock->wall(doctor->run->clock->context);
  struct kg_failure failure;
  char at[KG_TIME_TEXT_SIZE];
  if (path != NULL && kg_failure_load(path, &failure)) {
    doctor->retry_forbidden = fingerprint != NULL && kg_failure_is_active(&failure, fingerprint, now);
    kg_time_format(failure.at, at);
    kg_doctor_warn(doctor, "last attempt", KG_CURE_LAST_ATTEMPT, "failed at %s, %u in a row: %s", at, failure.count,
                   failure.error.text);
  }
  free(fingerprint);
  free(path);
}

/* What is asked over the network with them, to the end of the key, whose library may hang there as well. */
static void ask(struct kg_doctor *doctor, const struct kg_binding *binding, struct kg_key *key) {
  struct kg_watchdog watchdog = {.identity = doctor->identity->name, .end = kg_doctor_end, .context = doctor};
  int64_t limit_ms = 2 * KG_DOCTOR_ASK_MS + KG_WATCHDOG_GRACE_MS;
  struct kg_error error = {0};
  if (kg_watchdog_start(&watchdog, limit_ms, &kg_awaited_key_store, &error) != KG_OK) {
    kg_doctor_fail(doctor, "key store", KG_CURE_NONE, &error);
    return; /* and leave the key to the end of the process */
  }
  if (binding != NULL) check_machine(doctor, doctor->identity, binding);
  if (binding != NULL && key != NULL) {
    doctor->signatures++;
    kg_doctor_check_token_service(doctor, binding, key);
  }
  kg_key_close(&key);
  kg_watchdog_stop(&watchdog);
}

static void check_with_key(struct kg_doctor *doctor, const struct kg_identity *identity) {
  struct kg_watchdog watchdog = {.identity = identity->name, .end = kg_doctor_end, .context = doctor};
  struct kg_error error = {0};
  doctor->check = "key store";
  if (kg_watchdog_start_key(&watchdog, doctor->run->config->deadline_s, &error) != KG_OK) {
    kg_doctor_fail(doctor, "key store", KG_CURE_NONE, &error);
    return;
  }
  struct kg_key *key = check_key(doctor, identity);
  struct kg_binding *binding = check_binding(doctor, identity, key);
  kg_watchdog_stop(&watchdog);
  ask(doctor, binding, key);
  kg_binding_free(&binding);
}

void kg_doctor_check_identity(struct kg_doctor *doctor, const struct kg_identity *identity) {
  doctor->identity = identity;
  doctor->retry_forbidden = false;
  check_failure(doctor, identity);
  if (check_gates(doctor, identity)) check_needs(doctor, identity);
  check_lock(doctor, identity);
  check_with_key(doctor, identity);
  doctor->identity = NULL;
  doctor->retry_forbidden = false;
}
