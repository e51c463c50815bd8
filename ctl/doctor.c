#include "ctl/doctor.h"

#include "core/os/file.h"
#include "ctl/plugin_loader.h"
#include "ctl/probe.h"

#include <openssl/conf.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define PROBE_BUDGET_MS 5000
#define CLOCK_WARN_S 30
#define CLOCK_FAIL_S 300 /* what a fresh certificate is allowed to be in the future (core/state/binding.h) */

static struct kg_finding *make_room(struct kg_doctor *doctor) {
  static struct kg_finding lost;
  if (doctor->count == doctor->room) {
    size_t room = doctor->room > 0 ? 2 * doctor->room : 64;
    struct kg_finding *findings = realloc(doctor->findings, room * sizeof *findings);
    doctor->incomplete |= findings == NULL;
    if (findings == NULL) return &lost;
    doctor->findings = findings;
    doctor->room = room;
  }
  return &doctor->findings[doctor->count++];
}

static struct kg_finding *add(struct kg_doctor *doctor, enum kg_finding_level level, const char *check,
                              const char *cure) {
  struct kg_finding *finding = make_room(doctor);
  *finding = (struct kg_finding){.level = level};
  snprintf(finding->check, sizeof finding->check, "%s", check);
  snprintf(finding->identity, sizeof finding->identity, "%s", doctor->identity != NULL ? doctor->identity : "");
  snprintf(finding->cure, sizeof finding->cure, "%s", cure != NULL ? cure : "");
  return finding;
}

void kg_doctor_ok(struct kg_doctor *doctor, const char *check, const char *format, ...) {
  struct kg_finding *finding = add(doctor, KG_FINDING_OK, check, NULL);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(finding->symptom, sizeof finding->symptom, format, arguments);
  va_end(arguments);
}

void kg_doctor_warn(struct kg_doctor *doctor, const char *check, const char *cure, const char *format, ...) {
  struct kg_finding *finding = add(doctor, KG_FINDING_WARN, check, cure);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(finding->symptom, sizeof finding->symptom, format, arguments);
  va_end(arguments);
}

/* What helps most often. */
static const char *cure_of(enum kg_status status) {
  static const struct {
    enum kg_status status;
    const char *cure;
  } cures[] = {
      {KG_E_CONFIG, "mend the line that is named; keyguard.conf(5) has every key"},
      {KG_E_ACCESS, "run as a user who may read it, or give this user's group the right to"},
      {KG_E_UNTRUSTED,
       "owner root or this user, and chmod go-w on it and on every folder above; a PIN file: 0600, or 0640 if root's"},
      {KG_E_NOT_FOUND, "keyguardctl provision"},
      {KG_E_BINDING, "keyguardctl provision; the file is damaged or of a newer release"},
      {KG_E_BINDING_STALE, "keyguardctl provision; where a timer should have, look at its journal"},
      {KG_E_KEY_STORE, "is module-path right, is the token initialised, and may this user open it?"},
      {KG_E_KEY_NOT_FOUND, "keyguardctl provision makes the key; is token= right, and may this user see the token?"},
      {KG_E_KEY_DEAD, "keyguardctl provision --replace-key makes another key"},
      {KG_E_KEY_PIN, "write the right PIN to pin-source, which others may not read; a wrong one is not tried twice"},
      {KG_E_KEYGUARD_UNAVAILABLE, "a stronger key-store, or a lower minimum-strength if that is enough for you"},
      {KG_E_POP_REQUIRED, "mtls-proof-of-possession = true"},
      {KG_E_ATTESTATION_REQUIRES_POP, "mtls-proof-of-possession = true, too"},
      {KG_E_PLUGIN, "install the plugin of this release, or set 'plugin' to where it is"},
      {KG_E_LOCK_BUSY, "another keyguardctl is at work: wait for it to end"},
      {KG_E_IO, "is the disk full, or mounted read-only?"},
      {KG_E_KEY_MECHANISM,
       "use an RSA key of 2048 to 4096 bits that may sign, or a store that can do RSA-PSS or PKCS#1"},
      {KG_E_KEY_BUSY, "fewer programs at once at the token, or a faster token"},
      {KG_E_IMDS_V1_ONLY, "this machine's metadata service is too old: no setting changes that"},
      {KG_E_IMDS_FAILED, "its own words are above; where it passes, the next attempt is made by the timer"},
      {KG_E_IDENTITY, "assign the identity to this machine, or correct user-assigned-...-id"},
      {KG_E_ATTESTATION_FAILED, "is attestation-library the one for this machine? Its reason is above"},
      {KG_E_INVALID_CERTIFICATE, "look at this machine's clock"},
      {KG_E_TLS, "name the issuer's certificates with ca-file, or look for a proxy that ends TLS"},
      {KG_E_TRANSPORT, "is there a route to it, and is proxy right?"},
      {KG_E_TIMEOUT, "is there a route to it? A longer deadline helps where it is slow"},
      {KG_E_DISABLED, "unset MSAL_MI_DISABLE_IMDS_V2"},
      {KG_E_ENVIRONMENT, "unset the variable where this is a virtual machine"},
  };
  for (size_t i = 0; i < sizeof cures / sizeof cures[0]; i++)
    if (cures[i].status == status) return cures[i].cure;
  return "try again in a while, and once more with -v, which says what was done";
}

void kg_doctor_fail(struct kg_doctor *doctor, const char *check, const char *cure, const struct kg_error *error) {
  struct kg_finding *finding = add(doctor, KG_FINDING_FAIL, check, cure != NULL ? cure : cure_of(error->status));
  finding->status = error->status;
  snprintf(finding->symptom, sizeof finding->symptom, "%s", error->text);
}

void kg_doctor_check_state(struct kg_doctor *doctor) {
  const char *path = doctor->run->config->state_dir;
  struct kg_error error = {0};
  enum kg_status status = kg_file_check(path, KG_TRUST_SHARED, &error);
  if (status == KG_OK && !kg_doctor_finds_strays(doctor, path))
    kg_doctor_ok(doctor, "state folder", "%s", path);
  else if (status == KG_E_NOT_FOUND) /* an empty one is normal on a new machine */
    kg_doctor_warn(doctor, "state folder", "keyguardctl provision makes it", "%s is not there yet", path);
  else if (status != KG_OK)
    kg_doctor_fail(doctor, "state folder", NULL, &error);
}

/* Only provisioning needs it: signatures work without. */
void kg_doctor_check_plugin(struct kg_doctor *doctor) {
  struct kg_plugin *plugin = NULL;
  struct kg_error error = {0};
  if (kg_plugin_load(doctor->run->config->plugin, &plugin, &error) == KG_OK)
    kg_doctor_ok(doctor, "plugin", "%s, %s %s", kg_plugin_path(plugin), kg_plugin_get(plugin)->name,
                 kg_plugin_get(plugin)->release);
  else
    kg_doctor_warn(doctor, "plugin", cure_of(KG_E_PLUGIN), "%s", error.text);
  kg_plugin_free(&plugin);
}

static void check_clock(struct kg_doctor *doctor, int64_t server_s, int64_t ours_s) {
  int64_t ahead = ours_s - server_s, off = ahead < 0 ? -ahead : ahead;
  const char *direction = ahead < 0 ? "behind" : "ahead of";
  struct kg_error error = {0};
  if (off <= CLOCK_WARN_S) {
    kg_doctor_ok(doctor, "clock", "agrees with the metadata service to %lld s", (long long)off);
  } else if (off <= CLOCK_FAIL_S) {
    kg_doctor_warn(doctor, "clock", "synchronise the time", "%lld s %s the metadata service's", (long long)off,
                   direction);
  } else {
    (void)kg_error_set(&error, KG_E_INVALID_CERTIFICATE,
                       "%lld s %s the metadata service's: new certificates look expired or not yet valid",
                       (long long)off, direction);
    kg_doctor_fail(doctor, "clock", "synchronise the time", &error);
  }
}

void kg_doctor_check_metadata(struct kg_doctor *doctor) {
  static const char cure[] = "is this an Azure virtual machine with managed identity v2, and is its link-local address "
                             "reachable from here (containers often have no route to it)?";
  const struct kg_clock *clock = doctor->run->clock;
  struct kg_probe_result result;
  struct kg_error error = {0};
  if (kg_probe_metadata(doctor->run->config, clock, PROBE_BUDGET_MS, &result, &error) != KG_OK)
    kg_doctor_fail(doctor, "metadata", NULL, &error);
  else if (result.version == KG_PROBE_V2)
    kg_doctor_ok(doctor, "metadata", "managed identity v2 answers");
  else if (result.version == KG_PROBE_V1)
    kg_doctor_warn(doctor, "metadata", cure, "only managed identity v1 answers: nothing can be issued or renewed");
  else
    kg_doctor_warn(doctor, "metadata", cure, "no answer, nothing can be issued or renewed: %s", result.reason);
  doctor->metadata_answers = result.version == KG_PROBE_V2;
  if (result.server_time_s > 0) check_clock(doctor, result.server_time_s, clock->wall(clock->context));
}

static bool is_active(const CONF *conf, const char *section) {
  const char *value = NCONF_get_string(conf, section, "activate");
  return value != NULL && (strcmp(value, "1") == 0 || strcmp(value, "yes") == 0 || strcmp(value, "true") == 0 ||
                           strcmp(value, "on") == 0);
}

/* An explicit list of providers removes the implicit default (nginx/nginx issue on pkcs11 and the default provider). */
static enum kg_openssl_conf judge_providers(const CONF *conf) {
  const char *main = NCONF_get_string(conf, NULL, "openssl_conf");
  const char *list = main != NULL ? NCONF_get_string(conf, main, "providers") : NULL;
  STACK_OF(CONF_VALUE) *providers = list != NULL ? NCONF_get_section(conf, list) : NULL;
  bool any = false, has_default = false;
  for (int i = 0; i < sk_CONF_VALUE_num(providers); i++) {
    const CONF_VALUE *provider = sk_CONF_VALUE_value(providers, i);
    if (!is_active(conf, provider->value)) continue;
    const char *identity = NCONF_get_string(conf, provider->value, "identity");
    any = true;
    has_default = has_default || strcmp(identity != NULL ? identity : provider->name, "default") == 0;
  }
  return any && !has_default ? KG_OPENSSL_CONF_NO_DEFAULT : KG_OPENSSL_CONF_FINE;
}

enum kg_openssl_conf kg_doctor_read_openssl_conf(const char *path) {
  CONF *conf = NCONF_new(NULL);
  long line = 0;
  enum kg_openssl_conf verdict = KG_OPENSSL_CONF_UNREADABLE;
  if (conf != NULL && NCONF_load(conf, path, &line) > 0) verdict = judge_providers(conf);
  NCONF_free(conf);
  return verdict;
}

void kg_doctor_check_openssl(struct kg_doctor *doctor) {
  char *path = CONF_get1_default_config_file();
  struct kg_file_id id;
  if (path == NULL || kg_file_identify(path, &id) != KG_OK) {
    kg_doctor_ok(doctor, "openssl.cnf", "none");
  } else {
    switch (kg_doctor_read_openssl_conf(path)) {
    case KG_OPENSSL_CONF_FINE:
      kg_doctor_ok(doctor, "openssl.cnf", "%s", path);
      break;
    case KG_OPENSSL_CONF_NO_DEFAULT:
      kg_doctor_warn(doctor, "openssl.cnf", "add 'default = default_sect' there, and 'activate = 1' in its section",
                     "%s activates providers without 'default': other programs lose SHA-256, RSA and TLS", path);
      break;
    case KG_OPENSSL_CONF_UNREADABLE:
      kg_doctor_warn(doctor, "openssl.cnf", "correct it, or give this user the right to read it",
                     "%s cannot be read as a configuration", path);
      break;
    }
  }
  OPENSSL_free(path);
}

/* The value of "module:" where its file name is our module's (pkcs11.conf(5)). */
bool kg_doctor_names_module(const char *text, const char *module, char *path, size_t size) {
  while (*text) {
    size_t len = strcspn(text, "\n"), name = strspn(text, " \t");
    if (strncmp(text + name, "module:", 7) == 0) {
      const char *value = text + name + 7;
      value += strspn(value, " \t");
      size_t value_len = (size_t)(text + len > value ? text + len - value : 0);
      while (value_len > 0 && strchr(" \t\r", value[value_len - 1]) != NULL)
        value_len--;
      snprintf(path, size, "%.*s", (int)(value_len < size ? value_len : size - 1), value);
      const char *slash = strrchr(path, '/');
      if (strcmp(slash != NULL ? slash + 1 : path, module) == 0) return true;
    }
    text += len + (text[len] == '\n');
  }
  return false;
}
