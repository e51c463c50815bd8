#include "core/key/registry.h"

#include "core/key/stores.h"
#include "core/os/file.h"
#include "core/os/library.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MAX 8 /* whose object is remembered */

static void list_schemes(char *out, size_t size) {
  size_t used = 0;
  out[0] = '\0';
  for (const struct kg_key_store *store = kg_key_stores; store->scheme != NULL && used < size; store++)
    used += (size_t)snprintf(out + used, size - used, "%s%s", used > 0 ? ", " : "", store->scheme);
}

enum kg_status kg_key_store_find(const char *text, const struct kg_key_store **out, struct kg_error *error) {
  for (const struct kg_key_store *store = kg_key_stores; text != NULL && store->scheme != NULL; store++) {
    if (strncmp(text, store->scheme, strlen(store->scheme)) != 0) continue;
    *out = store;
    return KG_OK;
  }
  char schemes[128];
  list_schemes(schemes, sizeof schemes);
  return kg_error_set(error, KG_E_USAGE, "must begin with the name of a key store that is here: %s", schemes);
}

/* What its row promises, neither less nor more. */
static bool is_complete(const struct kg_key_store *store, const struct kg_key_store_ops *ops) {
  return ops != NULL && ops->open != NULL && ops->sign != NULL && ops->destroy != NULL && ops->close != NULL &&
         (ops->verify != NULL) == ((store->traits & KG_STORE_VERIFIES) != 0) &&
         (ops->native_handle != NULL) == ((store->traits & KG_STORE_NATIVE_HANDLE) != 0);
}

static enum kg_status check_file(const struct kg_key_store *store, const char *path, struct kg_error *error) {
  enum kg_status status = kg_file_check(path, KG_TRUST_OWNER, error);
  if (status != KG_E_NOT_FOUND) return status;
  return kg_error_set(error, KG_E_KEY_STORE, "the key store %s is a file of its own, and %s is not there: install it",
                      store->scheme, path);
}

static enum kg_status check_object(const struct kg_key_store *store, const char *path,
                                   const struct kg_key_store_object *object, struct kg_error *error) {
  if (object == NULL || object->release == NULL || strcmp(object->release, KEYGUARD_VERSION) != 0)
    return kg_error_set(error, KG_E_KEY_STORE,
                        "%s is of release %.32s, and this is " KEYGUARD_VERSION ": install both of one", path,
                        object != NULL && object->release != NULL ? object->release : "unknown");
  if (!is_complete(store, object->ops))
    return kg_error_set(error, KG_E_KEY_STORE, "%s lacks a function of a %s key store", path, store->scheme);
  return KG_OK;
}

static enum kg_status load(const struct kg_key_store *store, const char *path, const struct kg_key_store_ops **out,
                           struct kg_error *error) {
  enum kg_status status = check_file(store, path, error);
  if (status != KG_OK) return status;
  struct kg_library_failure failure;
  void *library = kg_library_open(path, &failure);
  if (library == NULL) return kg_error_set(error, KG_E_KEY_STORE, "cannot load %s: %s", path, failure.text);
  kg_key_store_entry *entry = (kg_key_store_entry *)kg_library_find(library, KG_KEY_STORE_ENTRY);
  if (entry == NULL)
    return kg_error_set(error, KG_E_KEY_STORE, "%s is no key store: it lacks " KG_KEY_STORE_ENTRY "()", path);
  const struct kg_key_store_object *object = entry();
  status = check_object(store, path, object, error);
  if (status == KG_OK) *out = object->ops;
  return status;
}

static enum kg_status find_and_load(const struct kg_key_store *store, const struct kg_key_store_ops **out,
                                    struct kg_error *error) {
  char *folder = kg_key_stores_folder();
  char *path = folder != NULL ? kg_file_join(folder, store->object, KG_LIBRARY_SUFFIX) : NULL;
  enum kg_status status =
      path != NULL ? load(store, path, out, error) : kg_error_no_memory(error, "for the path of a key store");
  free(folder);
  free(path);
  return status;
}

/* No lock: threads that come at once load it more than once, which the system counts, and learn the same. */
enum kg_status kg_key_store_require(const struct kg_key_store *store, const struct kg_key_store_ops **out,
                                    struct kg_error *error) {
  static _Atomic(const struct kg_key_store_ops *) loaded[ROWS_MAX];
  size_t row = (size_t)(store - kg_key_stores);
  *out = store->ops;
  if (*out == NULL && row < ROWS_MAX) *out = atomic_load(&loaded[row]);
  if (*out != NULL) return KG_OK;
  enum kg_status status = find_and_load(store, out, error);
  if (status == KG_OK && row < ROWS_MAX) atomic_store(&loaded[row], *out);
  return status;
}
