#include "pkcs11/find.h"

#include "pkcs11/object.h"

#include <stdlib.h>
#include <string.h>

bool kg_find_begin(const struct kg_objects *objects, const CK_ATTRIBUTE *wanted, CK_ULONG count, struct kg_find *out) {
  memset(out, 0, sizeof *out);
  out->handles = calloc(objects->count + 1, sizeof out->handles[0]);
  if (out->handles == NULL) return false;
  for (size_t i = 0; i < objects->count; i++)
    if (kg_attributes_match(&objects->items[i].attributes, wanted, count))
      out->handles[out->count++] = objects->items[i].handle;
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
