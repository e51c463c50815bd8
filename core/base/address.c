#include "core/base/address.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT_MAX 65535

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
static const char *parse_authority(const char *text, struct kg_address *out) {
  size_t len = strcspn(text, "/?#");
  size_t host_len = text[0] == '[' ? strcspn(text, "]") + 1 : strcspn(text, ":/?#");
  if (len == 0) return "has no host";
  if (memchr(text, '@', len) != NULL) return "names a user";
  if (host_len > len || host_len > KG_HOST_MAX) return "has a malformed host";
  for (size_t i = 0; i < host_len; i++)
    out->host[i] = lower(text[i]);
  out->host[host_len] = '\0';
  if (out->host[0] == '[' ? !literal_is_valid(out->host) : !name_is_valid(out->host)) return "has a malformed host";
  out->rest = text + len;
  if (host_len == len) return NULL;
  if (text[host_len] != ':' || !port_is_valid(text + host_len + 1, len - host_len - 1)) return "has a malformed port";
  snprintf(out->port, sizeof out->port, "%.*s", (int)(len - host_len), text + host_len);
  return NULL;
}

/* "https:/x" and "https:x" have no scheme here, and then fail as a host or port. */
static const char *parse(const char *text, size_t scheme_len, struct kg_address *out) {
  if (!is_plain(text)) return "is empty, too long or holds a character that no URL has";
  return parse_authority(text + scheme_len, out);
}

const char *kg_address_parse_http(const char *text, struct kg_address *out) {
  *out = (struct kg_address){0};
  size_t scheme_len = starts_with(text, "http://") ? 7 : starts_with(text, "https://") ? 8 : 0;
  if (scheme_len == 0) return "must begin with http:// or https://";
  out->scheme = scheme_len == 7 ? "http" : "https";
  return parse(text, scheme_len, out);
}

const char *kg_address_parse_https(const char *text, struct kg_address *out) {
  *out = (struct kg_address){0};
  size_t scheme_len = starts_with(text, "https://") ? 8 : 0;
  if (scheme_len == 0 && strstr(text, "://") != NULL) return "is not https";
  out->scheme = "https";
  return parse(text, scheme_len, out);
}

char *kg_address_format(const struct kg_address *address) {
  size_t size = strlen(address->scheme) + strlen("://") + strlen(address->host) + strlen(address->port) + 1;
  char *text = malloc(size);
  if (text != NULL) snprintf(text, size, "%s://%s%s", address->scheme, address->host, address->port);
  return text;
}
