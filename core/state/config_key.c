#include "core/state/config_key.h"

#include "core/base/address.h"
#include "core/base/buf.h"
#include "core/os/path.h"

#include <stdlib.h>
#include <string.h>

#define DIGITS "0123456789"
#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define HEX DIGITS "abcdefABCDEF"
#define TEXT_MAX (64 * 1024) /* of a binding's members, which these become */

const char kg_config_no_memory[] = "out of memory";

static bool consists_of(const char *text, const char *characters) {
  return *text && strspn(text, characters) == strlen(text);
}

static const char *store(void *field, const char *value) {
  char **text = field;
  *text = kg_strdup(value);
  return *text != NULL ? NULL : kg_config_no_memory;
}

static const char *set_path(void *field, const char *value) {
  char **text = field;
  if (!kg_path_is_absolute(value)) return "must be an absolute path";
  *text = kg_path_expand(value);
  return *text != NULL ? NULL : kg_config_no_memory;
}

static const char *set_plugin(void *field, const char *value) {
  if (kg_path_is_absolute(value)) return set_path(field, value);
  return consists_of(value, LOWER DIGITS "_-") ? store(field, value)
                                               : "must be a name of a-z, 0-9, _ and -, or an absolute path";
}

static const char *set_sha256(void *field, const char *value) {
  if (strlen(value) != 64 || !consists_of(value, HEX)) return "must be the 64 hexadecimal digits of a SHA-256";
  return store(field, value);
}

static const char *set_bool(void *field, const char *value) {
  bool is_true = strcmp(value, "true") == 0;
  if (!is_true && strcmp(value, "false") != 0) return "must be true or false";
  *(bool *)field = is_true;
  return NULL;
}

/* A whole number without sign, of at most 5 digits; -1 where it is none. */
static long number_of(const char *text) {
  return consists_of(text, DIGITS) && strlen(text) <= 5 ? strtol(text, NULL, 10) : -1;
}

static const char *set_url(void *field, const char *value) {
  struct kg_address address;
  const char *reason = kg_address_parse_http(value, &address);
  if (address.scheme == NULL) return reason;
  if (strchr(value, '@') != NULL) return "must not hold a user name or password";
  if (reason != NULL || (*address.rest != '\0' && strcmp(address.rest, "/") != 0))
    return "must be a host and perhaps a port, without a path";
  char **text = field;
  *text = kg_address_format(&address);
  return *text != NULL ? NULL : kg_config_no_memory;
}

/* One that is reached over TLS would be shown the client certificate. */
static const char *set_proxy(void *field, const char *value) {
  struct kg_address address;
  if (kg_address_parse_http(value, &address) == NULL && strcmp(address.scheme, "http") != 0)
    return "must begin with http://: a proxy that is reached over TLS is not supported";
  return set_url(field, value);
}

static const char *add_host(struct kg_config *config, const char *start, size_t length) {
  char *host = malloc(length + 1);
  if (host == NULL) return kg_config_no_memory;
  memcpy(host, start, length);
  host[length] = '\0';
  char **hosts;
  hosts = realloc(config->allowed_hosts, (config->allowed_hosts_count + 1) * sizeof *hosts);
  if (hosts == NULL) {
    free(host);
    return kg_config_no_memory;
  }
  hosts[config->allowed_hosts_count++] = host;
  config->allowed_hosts = hosts;
  return NULL;
}

/* Labels that are not empty, with a dot before them or not; any other would match no host, ever. */
static bool is_host_suffix(const char *text, size_t length) {
  size_t start = text[0] == '.';
  if (length == start || text[length - 1] == '.' || text[length - 1] == '-') return false;
  for (size_t i = start; i < length; i++)
    if (text[i] == '.' && (i == start || text[i - 1] == '.' || text[i - 1] == '-')) return false;
  return text[start] != '-';
}

/* `field` is the configuration. */
static const char *set_allowed_hosts(void *field, const char *value) {
  const char *reason = NULL;
  while (reason == NULL) {
    value += strspn(value, " \t");
    size_t length = strspn(value, LOWER DIGITS ".-");
    if (length == 0 || !is_host_suffix(value, length))
      return "must be host suffixes in lower case, with commas between";
    reason = add_host(field, value, length);
    value += length + strspn(value + length, " \t");
    if (*value == '\0') break;
    if (*value++ != ',') return "must be host suffixes in lower case, with commas between";
  }
  return reason;
}

static const char *set_tls_max(void *field, const char *value) {
  int *version = field;
  if (strcmp(value, "1.2") != 0 && strcmp(value, "1.3") != 0) return "must be 1.2 or 1.3";
  *version = value[2] == '2' ? 12 : 13;
  return NULL;
}

static const char *set_deadline(void *field, const char *value) {
  long seconds = number_of(value);
  if (seconds < 1 || seconds > 3600) return "must be a number of seconds from 1 to 3600";
  *(unsigned *)field = (unsigned)seconds;
  return NULL;
}

static const char *set_log_level(void *field, const char *value) {
  return kg_log_level_parse(value, field) != KG_OK ? "must be off, error, warn, info or debug" : NULL;
}

static const char *set_log_sink(void *field, const char *value) {
  bool is_syslog = strcmp(value, "syslog") == 0;
  if (!is_syslog && strcmp(value, "stderr") != 0) return "must be stderr or syslog";
  *(enum kg_log_sink *)field = is_syslog ? KG_LOG_SYSLOG : KG_LOG_STDERR;
  return NULL;
}

static enum kg_status parse_key_store(void *field, const char *value, struct kg_error *error) {
  if (strpbrk(value, " \t") != NULL) return kg_error_set(error, KG_E_USAGE, "must not hold white space");
  if (strlen(value) > TEXT_MAX) return kg_error_set(error, KG_E_USAGE, "is longer than %d bytes", TEXT_MAX);
  return kg_key_uri_parse(value, field, error);
}

static const char *set_floor(void *field, const char *value) {
  return kg_strength_parse(value, field) != KG_OK ? "must be none, software, hardware or keyguard" : NULL;
}

static const char *set_selector(struct kg_identity *identity, enum kg_selector selector, const char *value) {
  if (identity->selector != KG_SELECT_SYSTEM) return "stands beside another user-assigned-...-id; one is the most";
  identity->selector = selector;
  return store(&identity->selector_value, value);
}

static bool is_guid(const char *text) {
  static const char form[] = "00000000-0000-0000-0000-000000000000";
  if (strlen(text) != sizeof form - 1) return false;
  for (size_t i = 0; i < sizeof form - 1; i++)
    if (form[i] == '0' ? strchr(HEX, text[i]) == NULL : text[i] != '-') return false;
  return true;
}

/* For the next three `field` is the identity. */
static const char *set_client_id(void *field, const char *value) {
  return is_guid(value) ? set_selector(field, KG_SELECT_CLIENT_ID, value) : "must be a GUID";
}

static const char *set_object_id(void *field, const char *value) {
  return is_guid(value) ? set_selector(field, KG_SELECT_OBJECT_ID, value) : "must be a GUID";
}

static const char *set_resource_id(void *field, const char *value) {
  if (strncmp(value, "/subscriptions/", 15) != 0 || strpbrk(value, " \t?#") != NULL)
    return "must be a resource identifier, beginning with /subscriptions/";
  if (strlen(value) > TEXT_MAX) return "is longer than 65536 bytes";
  for (const char *at = value; *at; at++)
    if (*at <= ' ' || *at > '~') return "must be of visible ASCII characters";
  return set_selector(field, KG_SELECT_RESOURCE_ID, value);
}

#define CONFIG(member) offsetof(struct kg_config, member)
#define IDENTITY(member) offsetof(struct kg_identity, member)

static const struct kg_config_key keyguard_keys[] = {
    {"state-dir", false, set_path, CONFIG(state_dir), NULL},
    {"mounted-state", false, set_bool, CONFIG(mounted_state), NULL},
    {"plugin", false, set_plugin, CONFIG(plugin), NULL},
    {"metadata-endpoint", false, set_url, CONFIG(metadata_endpoint), NULL},
    {"attestation-library", false, set_path, CONFIG(attestation_library), NULL},
    {"attestation-library-sha256", false, set_sha256, CONFIG(attestation_library_sha256), NULL},
    {"ca-file", false, set_path, CONFIG(ca_file), NULL},
    {"proxy", false, set_proxy, CONFIG(proxy), NULL},
    {"allowed-hosts", true, set_allowed_hosts, 0, NULL},
    {"tls-max", false, set_tls_max, CONFIG(tls_max), NULL},
    {"deadline", false, set_deadline, CONFIG(deadline_s), NULL},
    {"provision-on-demand", false, set_bool, CONFIG(provision_on_demand), NULL},
    {"token-cache", false, set_bool, CONFIG(token_cache), NULL},
    {"log-level", false, set_log_level, CONFIG(log_level), NULL},
    {"log", false, set_log_sink, CONFIG(log_sink), NULL},
    {NULL, false, NULL, 0, NULL},
};

static const struct kg_config_key identity_keys[] = {
    {"key-store", true, NULL, IDENTITY(key_store), parse_key_store},
    {"mtls-proof-of-possession", false, set_bool, IDENTITY(proof_of_possession), NULL},
    {"with-attestation-support", false, set_bool, IDENTITY(attestation), NULL},
    {"minimum-strength", false, set_floor, IDENTITY(floor), NULL},
    {"user-assigned-client-id", false, set_client_id, 0, NULL},
    {"user-assigned-object-id", false, set_object_id, 0, NULL},
    {"user-assigned-resource-id", true, set_resource_id, 0, NULL},
    {NULL, false, NULL, 0, NULL},
};

static const struct kg_config_key *keys_of(enum kg_config_section section) {
  return section == KG_SECTION_KEYGUARD ? keyguard_keys : identity_keys;
}

const struct kg_config_key *kg_config_key_find(enum kg_config_section section, const char *name) {
  for (const struct kg_config_key *key = keys_of(section); key->name != NULL; key++)
    if (strcmp(key->name, name) == 0) return key;
  return NULL;
}

unsigned kg_config_key_index(enum kg_config_section section, const struct kg_config_key *key) {
  return (unsigned)(key - keys_of(section));
}

#define NAME_MAX_LENGTH 31

/* Levenshtein's distance, one row of his table at a time. */
static size_t distance(const char *a, const char *b) {
  size_t row[NAME_MAX_LENGTH + 1], length = strlen(b);
  for (size_t j = 0; j <= length; j++)
    row[j] = j;
  for (size_t i = 1; a[i - 1]; i++) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= length; j++) {
      size_t change = diagonal + (a[i - 1] != b[j - 1]), shift = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
      diagonal = row[j];
      row[j] = change < shift ? change : shift;
    }
  }
  return row[length];
}

const char *kg_config_key_suggest(enum kg_config_section section, const char *name) {
  if (strlen(name) > NAME_MAX_LENGTH) return NULL;
  /* two typing errors are believed */
  const char *nearest = NULL;
  size_t least = 3;
  for (const struct kg_config_key *key = keys_of(section); key->name != NULL; key++) {
    size_t found = distance(name, key->name);
    if (found >= least || found >= strlen(key->name)) continue;
    least = found;
    nearest = key->name;
  }
  return nearest;
}
