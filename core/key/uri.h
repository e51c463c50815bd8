/* PKCS#11 URIs (RFC 7512) on p11-kit's parser. */
#ifndef KG_CORE_KEY_URI_H
#define KG_CORE_KEY_URI_H

#include "core/base/buf.h"

struct kg_uri { /* every member NULL or empty where the URI does not name it */
  char *token, *manufacturer, *model, *serial, *object;
  struct kg_buf id;
  char *module_path;
  char *pin_source; /* a path; "file:" and "file://" are taken off */
  struct kg_buf pin_value;
};

KG_MUST_USE enum kg_status kg_uri_parse(const char *text, struct kg_uri *out, struct kg_error *error);
void kg_uri_clear(struct kg_uri *uri); /* wipes the PIN */
/* "pkcs11:token=NAME;object=NAME;type=private", percent-encoded; type NULL: left out. free() it; NULL: no memory. */
char *kg_uri_format(const char *token, const char *object, const char *type);
/* The same URI without pin-value and pin-source, to be stored and shown. free() it; NULL: no memory or no URI. */
char *kg_uri_redact(const char *text);

#endif
