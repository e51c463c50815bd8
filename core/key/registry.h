/* The key stores that there are: one row each, found by the scheme of a URI. Nothing else asks for a scheme's name. */
#ifndef KG_CORE_KEY_REGISTRY_H
#define KG_CORE_KEY_REGISTRY_H

#include "core/base/error.h"
#include "core/key/store.h"

/* KG_E_USAGE lists the schemes that there are; `text` is never shown, as it may hold a PIN. */
KG_MUST_USE enum kg_status kg_key_store_find(const char *text, const struct kg_key_store **out, struct kg_error *error);
/* Its operations. An object is looked for in one folder, must be trusted like any other library (KG_E_UNTRUSTED), of
 * this release and complete; KG_E_KEY_STORE says what is wrong. It stays loaded. */
KG_MUST_USE enum kg_status kg_key_store_require(const struct kg_key_store *store, const struct kg_key_store_ops **out,
                                                struct kg_error *error);

#endif
