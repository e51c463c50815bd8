#include "core/key/uri.h"

#include "core/key/registry.h"

#include <stdatomic.h>
#include <stdlib.h>

struct kg_key_uri {
  atomic_uint owners;
  const struct kg_key_store *store;
  void *place;
  char *shown;
};

enum kg_status kg_key_uri_parse(const char *text, struct kg_key_uri **out, struct kg_error *error) {
  const struct kg_key_store *store = NULL;
  *out = NULL;
  enum kg_status status = kg_key_store_find(text, &store, error);
  if (status != KG_OK) return status;
  struct kg_key_uri *uri = calloc(1, sizeof *uri);
  if (uri == NULL) return kg_error_no_memory(error, "for a key-store URI");
  atomic_store(&uri->owners, 1);
  uri->store = store;
  status = store->parse(text, &uri->place, &uri->shown, error);
  if (status == KG_OK)
    *out = uri;
  else
    free(uri);
  return status;
}

struct kg_key_uri *kg_key_uri_share(struct kg_key_uri *uri) {
  atomic_fetch_add_explicit(&uri->owners, 1, memory_order_relaxed);
  return uri;
}

void kg_key_uri_free(struct kg_key_uri **uri) {
  struct kg_key_uri *mine = *uri;
  *uri = NULL;
  if (mine == NULL || atomic_fetch_sub_explicit(&mine->owners, 1, memory_order_acq_rel) != 1) return;
  mine->store->free_place(mine->place);
  free(mine->shown);
  free(mine);
}

const char *kg_key_uri_shown(const struct kg_key_uri *uri) {
  return uri->shown;
}

bool kg_key_uri_has(const struct kg_key_uri *uri, unsigned trait) {
  return (uri->store->traits & trait) != 0;
}

bool kg_key_uri_holds_secret(const struct kg_key_uri *uri) {
  return uri->store->holds_secret != NULL && uri->store->holds_secret(uri->place);
}

const struct kg_key_store *kg_key_uri_store(const struct kg_key_uri *uri) {
  return uri->store;
}

const void *kg_key_uri_place(const struct kg_key_uri *uri) {
  return uri->place;
}
