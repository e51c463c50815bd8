/* The openssl.cnf of this machine: ours does not mind it, and other programs do. */
#include "core/os/file.h"
#include "ctl/doctor.h"

#include <openssl/conf.h>
#include <string.h>

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
      kg_doctor_warn(doctor, "openssl.cnf", KG_CURE_OPENSSL_DEFAULT,
                     "%s activates providers without 'default': other programs lose SHA-256, RSA and TLS", path);
      break;
    case KG_OPENSSL_CONF_UNREADABLE:
      kg_doctor_warn(doctor, "openssl.cnf", KG_CURE_OPENSSL_FILE, "%s cannot be read as a configuration", path);
      break;
    }
  }
  OPENSSL_free(path);
}
