#include "wire/endpoint.h"

#include "core/base/address.h"
#include "wire/redact.h"

#include <openssl/crypto.h>
#include <stdbool.h>
#include <string.h>

static bool host_matches(const char *host, const char *suffix) {
  size_t host_len = strlen(host);
  if (*suffix == '.') suffix++;
  size_t len = strlen(suffix);
  if (len == 0 || host_len < len) return false;
  if (OPENSSL_strcasecmp(host + host_len - len, suffix) != 0) return false;
  return host_len == len || host[host_len - len - 1] == '.';
}

static bool is_allowed(const char *host, const char *const *allowed) {
  if (allowed == NULL || *allowed == NULL) return true;
  for (; *allowed != NULL; allowed++)
    if (host_matches(host, *allowed)) return true;
  return false;
}

static enum kg_status refuse(enum kg_status status, const char *what, const char *text, const char *why,
                             struct kg_error *error) {
  char shown[80];
  kg_redact(text, shown, sizeof shown);
  return kg_error_set(error, status, "%s '%s' %s", what, strchr(text, '@') != NULL ? "..." : shown, why);
}

static enum kg_status format(const struct kg_address *address, char **out, struct kg_error *error) {
  *out = kg_address_format(address);
  return *out != NULL ? KG_OK : kg_error_no_memory(error, "for an endpoint");
}

enum kg_status kg_endpoint_check(const char *what, const char *text, const char *const *allowed, char **out,
                                 struct kg_error *error) {
  struct kg_address address;
  const char *why = kg_address_parse_https(text, &address);
  *out = NULL;
  if (why == NULL && !is_allowed(address.host, allowed)) why = "is not among the allowed hosts";
  if (why != NULL) return refuse(KG_E_IMDS_FAILED, what, text, why, error);
  return format(&address, out, error);
}

enum kg_status kg_endpoint_check_metadata(const char *text, char **out, struct kg_error *error) {
  struct kg_address address;
  const char *why = kg_address_parse_http(text, &address);
  *out = NULL;
  if (why != NULL) return refuse(KG_E_CONFIG, "metadata endpoint", text, why, error);
  return format(&address, out, error);
}
