#include "pkcs11/find.h"

#include "pkcs11/object.h"

#include <stdlib.h>
#include <string.h>

/* By its class, or by what nothing of 2.40 has. */
static bool asks_for_profiles(const CK_ATTRIBUTE *wanted, CK_ULONG count) {
  for (CK_ULONG i = 0; i < count; i++)
    if (wanted[i].type == CKA_CLASS || wanted[i].type == CKA_PROFILE_ID || wanted[i].type == CKA_UNIQUE_ID) return true;
  return false;
}

bool kg_find_begin(const struct kg_objects *objects, const CK_ATTRIBUTE *wanted, CK_ULONG count,
                   enum kg_find_scope scope, struct kg_find *out) {
  bool profiles = scope == KG_FIND_ALL || asks_for_profiles(wanted, count);
  memset(out, 0, sizeof *out);
  out->handles = calloc(objects->count + 1, sizeof out->handles[0]);
  if (out->handles == NULL) return false;
  for (size_t i = 0; i < objects->count; i++) {
    const struct kg_object *object = &objects->items[i];
    if (!profiles && object->kind == KG_OBJECT_PROFILE) continue;
    if (kg_attributes_match(&object->attributes, wanted, count)) out->handles[out->count++] = object->handle;
  }
  out->active = true;
  return true;
}

size_t kg_find_next(struct kg_find *find, CK_OBJECT_HANDLE *out, size_t room) {
  size_t left = find->count - find->position, count = left < room ? left : room;
  if (count) memcpy(out, find->handles + find->position, count * sizeof *out);
  find->position += count;
  return count;
}

void kg_find_clear(struct kg_find *find) {
  free(find->handles);
  memset(find, 0, sizeof *find);
}
