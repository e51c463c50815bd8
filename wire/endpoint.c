#include "wire/endpoint.h"

#include "core/base/buf.h"
#include "wire/redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST_MAX 253 /* RFC 1035 section 2.3.4, without the root's dot */
#define PORT_MAX 65535

struct origin {
  char host[HOST_MAX + 1]; /* lower case; brackets kept */
  char port[8];            /* ":8443" or empty */
};

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool starts_with(const char *text, const char *lower_prefix) {
  for (; *lower_prefix; text++, lower_prefix++)
    if (lower(*text) != *lower_prefix) return false;
  return true;
}

/* Every byte is visible ASCII, so no parser can disagree about what it sees; a backslash is a slash to some. */
static bool is_plain(const char *text) {
  for (const char *p = text; *p; p++)
    if (*p <= ' ' || *p >= 0x7f || *p == '\\') return false;
  return *text != '\0' && strlen(text) <= 2048;
}

/* Letters, digits, hyphens, underscores in labels that are not empty. */
static bool name_is_valid(const char *host) {
  size_t len = strlen(host);
  if (len == 0 || host[0] == '.' || host[len - 1] == '.' || strstr(host, "..") != NULL) return false;
  return strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == len;
}

static bool literal_is_valid(const char *host) { /* "[::1]" */
  size_t len = strlen(host);
  return len > 4 && host[len - 1] == ']' && strspn(host + 1, "0123456789abcdef:.") == len - 2;
}

static bool port_is_valid(const char *port, size_t len) {
  if (len == 0 || len > 5 || strspn(port, "0123456789") < len) return false;
  char digits[8] = "";
  memcpy(digits, port, len);
  long number = strtol(digits, NULL, 10);
  return number >= 1 && number <= PORT_MAX;
}

/* `text` is what follows the scheme: authority, then anything. */
static const char *parse_origin(const char *text, struct origin *out) {
  size_t len = strcspn(text, "/?#");
  size_t host_len = text[0] == '[' ? strcspn(text, "]") + 1 : strcspn(text, ":/?#");
  if (len == 0) return "has no host";
  if (memchr(text, '@', len) != NULL) return "names a user";
  if (host_len > len || host_len > HOST_MAX) return "has a malformed host";
  for (size_t i = 0; i < host_len; i++)
    out->host[i] = lower(text[i]);
  out->host[host_len] = '\0';
  if (out->host[0] == '[' ? !literal_is_valid(out->host) : !name_is_valid(out->host)) return "has a malformed host";
  if (host_len == len) return NULL;
  if (text[host_len] != ':' || !port_is_valid(text + host_len + 1, len - host_len - 1)) return "has a malformed port";
  snprintf(out->port, sizeof out->port, "%.*s", (int)(len - host_len), text + host_len);
  return NULL;
}

/* Where the authority begins; NULL: a scheme that is not allowed. "https:/x" and "https:x" have none, and then fail as
 * a host or port. */
static const char *skip_scheme(const char *text, const char **scheme, bool metadata) {
  *scheme = "https";
  if (starts_with(text, "https://")) return text + 8;
  if (metadata && starts_with(text, "http://")) {
    *scheme = "http";
    return text + 7;
  }
  return metadata || strstr(text, "://") != NULL ? NULL : text;
}

static const char *parse(const char *text, bool metadata, const char **scheme, struct origin *out) {
  if (!is_plain(text)) return "is empty, too long or holds a character that no URL has";
  const char *authority = skip_scheme(text, scheme, metadata);
  if (authority == NULL) return metadata ? "must begin with http:// or https://" : "is not https";
  return parse_origin(authority, out);
}

static bool host_matches(const char *host, const char *suffix) {
  size_t host_len = strlen(host);
  if (*suffix == '.') suffix++;
  size_t len = strlen(suffix);
  if (len == 0 || host_len < len) return false;
  for (size_t i = 0; i < len; i++)
    if (host[host_len - len + i] != lower(suffix[i])) return false;
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

static enum kg_status format(const char *scheme, const struct origin *origin, char **out, struct kg_error *error) {
  size_t size = strlen(scheme) + strlen("://") + strlen(origin->host) + strlen(origin->port) + 1;
  *out = malloc(size);
  if (*out == NULL) return kg_error_no_memory(error, "for an endpoint");
  snprintf(*out, size, "%s://%s%s", scheme, origin->host, origin->port);
  return KG_OK;
}

enum kg_status kg_endpoint_check(const char *what, const char *text, const char *const *allowed, char **out,
                                 struct kg_error *error) {
  struct origin origin = {"", ""};
  const char *scheme, *why = parse(text, false, &scheme, &origin);
  *out = NULL;
  if (why == NULL && !is_allowed(origin.host, allowed)) why = "is not among the allowed hosts";
  if (why != NULL) return refuse(KG_E_IMDS_FAILED, what, text, why, error);
  return format(scheme, &origin, out, error);
}

enum kg_status kg_endpoint_check_metadata(const char *text, char **out, struct kg_error *error) {
  struct origin origin = {"", ""};
  const char *scheme, *why = parse(text, true, &scheme, &origin);
  *out = NULL;
  if (why != NULL) return refuse(KG_E_CONFIG, "metadata endpoint", text, why, error);
  return format(scheme, &origin, out, error);
}
