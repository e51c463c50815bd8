/* A key of a key store that is opened by the first signature and not before. Counted: the generations of one identity
 * share it for as long as the key stays the same. No lock is held while the store works. */
#ifndef KG_PKCS11_LAZY_KEY_H
#define KG_PKCS11_LAZY_KEY_H

#include "core/base/error.h"
#include "core/state/binding.h"

struct kg_lazy_key;

/* `store` is an identity's, borrowed. NULL: no memory. One reference. */
struct kg_lazy_key *kg_lazy_key_new(struct kg_key_uri *store);
struct kg_lazy_key *kg_lazy_key_ref(struct kg_lazy_key *lazy);
void kg_lazy_key_unref(struct kg_lazy_key **lazy); /* the last one closes the key */

/* Opens it where that has not happened yet, and compares it with the binding once. KG_E_KEY_DEAD: another key.
 * `*out` is borrowed, and good as long as the reference is. */
KG_MUST_USE enum kg_status kg_lazy_key_get(struct kg_lazy_key *lazy, const struct kg_binding *binding,
                                           struct kg_key **out, struct kg_error *error);

#endif
