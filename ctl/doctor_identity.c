#include "ctl/doctor.h"

#include "core/base/strength.h"
#include "core/key/key.h"
#include "core/state/binding.h"
#include "core/state/binding_reader.h"
#include "ctl/failure.h"
#include "ctl/identification.h"
#include "ctl/output.h"
#include "ctl/provision.h"
#include "ctl/renew.h"
#include "ctl/watchdog.h"
#include "wire/source.h"

#include <stdlib.h>

static void check_gates(struct kg_doctor *doctor, const struct kg_identity *identity) {
  struct kg_error error = {0};
  if (kg_identity_check_gates(identity, &error) != KG_OK) {
    kg_doctor_fail(doctor, "gates", NULL, &error);
  } else if (kg_source_check(&error) != KG_OK) {
    kg_doctor_warn(doctor, "gates", NULL, "nothing can be issued or renewed: %s", error.text);
  } else {
    kg_doctor_ok(doctor, "gates", "proof of possession%s, at least %s",
                 identity->attestation ? " and attestation" : ", without attestation",
                 kg_strength_name(identity->floor));
  }
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
  kg_doctor_fail(doctor, "key store", NULL, &error);
}

/* A store that replaces what is dead needs no word of ours. */
static const char *cure_of_dead(const struct kg_identity *identity, enum kg_status status) {
  if (status != KG_E_KEY_DEAD || !kg_key_uri_has(identity->key_store, KG_STORE_REPLACES_DEAD)) return NULL;
  return "keyguardctl provision makes another key";
}

/* The key stays open for the check of the binding; NULL where it does not sign. */
static struct kg_key *check_key(struct kg_doctor *doctor, const struct kg_identity *identity) {
  struct kg_key *key = NULL;
  struct kg_error error = {0};
  if (kg_key_open(identity->key_store, KG_KEY_PATIENT, &key, &error) != KG_OK) {
    kg_doctor_fail(doctor, "key store", cure_of_dead(identity, error.status), &error);
    return NULL;
  }
  check_strength(doctor, identity, kg_key_info(key));
  if (kg_key_probe(key, &error) == KG_OK) {
    kg_doctor_ok(doctor, "signature", "made and good");
    return key;
  }
  kg_doctor_fail(doctor, "signature", cure_of_dead(identity, error.status), &error);
  kg_key_close(&key);
  return NULL;
}

static void check_life(struct kg_doctor *doctor, const struct kg_binding *binding) {
  static const char cure[] = "is the timer running (systemctl status keyguard-renew.timer)? "
                             "keyguardctl renew says why it fails";
  char left[KG_DURATION_SIZE];
  int64_t now = doctor->run->clock->wall(doctor->run->clock->context);
  struct kg_renew plan = kg_renew_binding(binding, now);
  kg_duration_format(plan.left_s, left);
  char age[KG_DURATION_SIZE];
  kg_duration_format(now - binding->issued_at, age);
  if (plan.state == KG_RENEW_LATE || plan.state == KG_RENEW_LATEST)
    kg_doctor_warn(doctor, "binding", cure, "issued %s ago, only %s left", age, left);
  else
    kg_doctor_ok(doctor, "binding", "issued %s ago, %s left%s", age, left,
                 plan.state == KG_RENEW_DUE ? ", due for renewal" : "");
}

#define IDENTIFY_MS 5000

/* A binding that is good in all that can be seen from here may be another machine's. */
static void check_machine(struct kg_doctor *doctor, const struct kg_identity *identity,
                          const struct kg_binding *binding) {
  const struct kg_clock *clock = doctor->run->clock;
  struct kg_plugin_machine machine;
  struct kg_error error = {0};
  bool known = false;
  if (!doctor->metadata_answers) return;
  if (kg_identification_get(doctor->run->config, identity, clock, clock->elapsed_ms(clock->context) + IDENTIFY_MS,
                            &machine, &known, &error) != KG_OK)
    kg_doctor_warn(doctor, "machine", NULL, "whom the metadata service takes this machine for is not known: %s",
                   error.text);
  else if (known && kg_identification_compare(binding, &machine, &error) != KG_OK)
    kg_doctor_fail(doctor, "machine", "keyguardctl renew obtains one for this machine and identity", &error);
  else if (known)
    kg_doctor_ok(doctor, "machine", "the metadata service says the same client, tenant and virtual machine");
}

static void check_binding(struct kg_doctor *doctor, const struct kg_identity *identity, const struct kg_key *key) {
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
    kg_doctor_fail(doctor, "binding", NULL, &error);
  else
    check_life(doctor, binding);
  if (status == KG_OK && key != NULL) doctor->signatures++;
  if (status == KG_OK) check_machine(doctor, identity, binding);
  kg_binding_free(&binding);
  free(path);
}

static void check_failure(struct kg_doctor *doctor, const struct kg_identity *identity) {
  char *path = kg_failure_path(doctor->run->config->state_dir, identity->name);
  struct kg_failure failure;
  char at[KG_TIME_TEXT_SIZE];
  if (path != NULL && kg_failure_load(path, &failure)) {
    kg_time_format(failure.at, at);
    kg_doctor_warn(doctor, "last attempt", "keyguardctl provision --force tries at once",
                   "failed at %s, %u in a row: %s", at, failure.count, failure.error.text);
  }
  free(path);
}

/* In the watchdog's thread: what was found so far, and this. The identities after it are not looked at. */
static int report_hang(void *context, const struct kg_error *error) {
  struct kg_doctor *doctor = context;
  kg_doctor_fail(doctor, "key store", "see to its library or device; keyguardctl doctor NAME looks at another identity",
                 error);
  int exit_code = doctor->report(doctor);
  fflush(doctor->run->out);
  return exit_code;
}

static void check_with_key(struct kg_doctor *doctor, const struct kg_identity *identity) {
  struct kg_watchdog watchdog = {.identity = identity->name, .end = report_hang, .context = doctor};
  struct kg_error error = {0};
  if (kg_watchdog_start_key(&watchdog, doctor->run->config->deadline_s, &error) != KG_OK) {
    kg_doctor_fail(doctor, "key store", NULL, &error);
    return;
  }
  struct kg_key *key = check_key(doctor, identity);
  check_binding(doctor, identity, key);
  kg_key_close(&key);
  kg_watchdog_stop(&watchdog);
}

void kg_doctor_check_identity(struct kg_doctor *doctor, const struct kg_identity *identity) {
  doctor->identity = identity->name;
  check_gates(doctor, identity);
  check_failure(doctor, identity);
  check_with_key(doctor, identity);
  doctor->identity = NULL;
}
