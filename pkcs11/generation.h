/* What a token shows at one moment: a binding, the objects built from it, and the key it names. Immutable once built,
 * counted, replaced whole. Who uses one keeps it: a session what it searched (view.h), an operation the
 * one of its key. */
#ifndef KG_PKCS11_GENERATION_H
#define KG_PKCS11_GENERATION_H

#include "core/base/error.h"
#include "core/state/binding.h"
#include "pkcs11/lazy_key.h"
#include "pkcs11/mechanism.h"
#include "pkcs11/object.h"

#include <stdatomic.h>

struct kg_generation {
  atomic_uint references;
  struct kg_binding *binding;
  struct kg_lazy_key *key;
  struct kg_mechanism_limits limits;
  CK_MECHANISM_TYPE mechanisms[KG_MECHANISMS_MAX]; /* of the keys: CKA_ALLOWED_MECHANISMS */
  size_t mechanisms_count;
  char *facts; /* JSON, the value of the data object */
  struct kg_objects objects;
};

/* Takes `*binding` when it succeeds. `before` (may be NULL) is the generation that this one follows: objects that are
 * the same in both keep their handles, and the same key stays open. */
KG_MUST_USE enum kg_status kg_generation_new(const struct kg_identity *identity, struct kg_binding **binding,
                                             const struct kg_generation *before, struct kg_generation **out,
                                             struct kg_error *error);
struct kg_generation *kg_generation_ref(struct kg_generation *generation);
void kg_generation_unref(struct kg_generation **generation);

size_t kg_generation_signature_size(const struct kg_generation *generation);

#endif
