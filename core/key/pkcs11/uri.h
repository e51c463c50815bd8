/* PKCS#11 URIs (RFC 7512) on p11-kit's parser: which token, which key, and how to get in. */
#ifndef KG_CORE_KEY_PKCS11_URI_H
#define KG_CORE_KEY_PKCS11_URI_H

#include "core/base/buf.h"
#include "core/base/error.h"

#include <stdbool.h>

struct kg_pkcs11_uri { /* every member NULL or empty where the URI does not name it */
  char *token, *manufacturer, *model, *serial, *object;
  struct kg_buf id;
  char *module_path;
  char *pin_source; /* a path; "file:" and "file://" are taken off */
  struct kg_buf pin_value;
};

/* `shown`, unless NULL: the same URI without pin-value and pin-source; free() it. */
KG_MUST_USE enum kg_status kg_pkcs11_uri_parse(const char *text, struct kg_pkcs11_uri *out, char **shown,
                                               struct kg_error *error);
void kg_pkcs11_uri_clear(struct kg_pkcs11_uri *uri); /* wipes the PIN */

/* The registry's: a struct kg_pkcs11_uri that says enough, a library by its absolute path and a key. */
KG_MUST_USE enum kg_status kg_pkcs11_place_parse(const char *text, void **place, char **shown, struct kg_error *error);
void kg_pkcs11_place_free(void *place);
bool kg_pkcs11_place_holds_secret(const void *place);

#endif
