/* The one grammar of an address that a configuration, an environment or an answer names: a scheme, a host and perhaps a
 * port, which every parser reads alike. */
#ifndef KG_CORE_BASE_ADDRESS_H
#define KG_CORE_BASE_ADDRESS_H

#define KG_HOST_MAX 253 /* RFC 1035 section 2.3.4, without the root's dot */

struct kg_address {
  const char *scheme;         /* "http" or "https"; NULL: none that is allowed */
  char host[KG_HOST_MAX + 1]; /* lower case; brackets kept */
  char port[8];               /* ":8443" or empty */
  const char *rest;           /* path, query and fragment; borrowed */
};

/* Visible ASCII alone, no userinfo, no backslash, no dangling colon. NULL, or what is wrong: "has no host". */
const char *kg_address_parse_http(const char *text, struct kg_address *out);  /* http:// or https://, in any case */
const char *kg_address_parse_https(const char *text, struct kg_address *out); /* https://, or no scheme, which is it */

/* "scheme://host:port", without the rest. free() it; NULL: no memory. */
char *kg_address_format(const struct kg_address *address);

#endif
