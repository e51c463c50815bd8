#include "pkcs11/lazy_key.h"

#include <stdatomic.h>
#include <stdlib.h>

struct kg_lazy_key {
  atomic_uint references;
  struct kg_key_uri *store;
  _Atomic(struct kg_key *) key; /* set once */
};

struct kg_lazy_key *kg_lazy_key_new(struct kg_key_uri *store) {
  struct kg_lazy_key *lazy = calloc(1, sizeof *lazy);
  if (lazy == NULL) return NULL;
  atomic_store(&lazy->references, 1);
  lazy->store = store;
  return lazy;
}

struct kg_lazy_key *kg_lazy_key_ref(struct kg_lazy_key *lazy) {
  atomic_fetch_add_explicit(&lazy->references, 1, memory_order_relaxed);
  return lazy;
}

void kg_lazy_key_unref(struct kg_lazy_key **lazy) {
  struct kg_lazy_key *mine = *lazy;
  *lazy = NULL;
  if (mine == NULL || atomic_fetch_sub_explicit(&mine->references, 1, memory_order_acq_rel) != 1) return;
  struct kg_key *key = atomic_load(&mine->key);
  kg_key_close(&key);
  free(mine);
}

static enum kg_status open_checked(struct kg_key_uri *store, const struct kg_binding *binding, struct kg_key **out,
                                   struct kg_error *error) {
  struct kg_key *key = NULL;
  enum kg_status status = kg_key_open(store, KG_KEY_NO_TRIAL, &key, error);
  if (status != KG_OK) return status;
  status = kg_binding_check_key(binding, kg_key_info(key), error);
  if (status == KG_E_BINDING_STALE)
    status = kg_error_set(error, KG_E_KEY_DEAD, "the key store holds another key than the certificate was issued for");
  if (status == KG_OK)
    *out = key;
  else
    kg_key_close(&key);
  return status;
}

/* Several threads may open it at once: one result stays, the others are closed. To let them wait for one another would
 * mean to wait for code that is not ours. */
enum kg_status kg_lazy_key_get(struct kg_lazy_key *lazy, const struct kg_binding *binding, struct kg_key **out,
                               struct kg_error *error) {
  struct kg_key *present = atomic_load_explicit(&lazy->key, memory_order_acquire);
  if (present != NULL) {
    *out = present;
    return KG_OK;
  }
  struct kg_key *opened = NULL;
  enum kg_status status = open_checked(lazy->store, binding, &opened, error);
  if (status != KG_OK) return status;
  if (atomic_compare_exchange_strong(&lazy->key, &present, opened)) {
    *out = opened;
    return KG_OK;
  }
  kg_key_close(&opened);
  *out = present;
  return KG_OK;
}
