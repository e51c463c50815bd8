/* The URI of a key store, as a configuration names it: parsed once, never changed, wiped with its last owner. */
#ifndef KG_CORE_KEY_URI_H
#define KG_CORE_KEY_URI_H

#include "core/base/error.h"

#include <stdbool.h>

struct kg_key_uri;

/* No I/O. KG_E_USAGE: no such store, or what its own rules refuse; the text of the error never shows a value. */
KG_MUST_USE enum kg_status kg_key_uri_parse(const char *text, struct kg_key_uri **out, struct kg_error *error);
struct kg_key_uri *kg_key_uri_share(struct kg_key_uri *uri); /* one owner more; from any thread */
void kg_key_uri_free(struct kg_key_uri **uri);               /* one owner less */

/* The same URI without its secrets, to be stored, compared and shown. Borrowed. */
const char *kg_key_uri_shown(const struct kg_key_uri *uri);
bool kg_key_uri_holds_secret(const struct kg_key_uri *uri);        /* a PIN, not only where one is */
bool kg_key_uri_has(const struct kg_key_uri *uri, unsigned trait); /* KG_STORE_... of core/key/info.h */

struct kg_key_store;
const struct kg_key_store *kg_key_uri_store(const struct kg_key_uri *uri);
const void *kg_key_uri_place(const struct kg_key_uri *uri); /* what its store made of it. Borrowed */

#endif
