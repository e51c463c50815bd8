/* Templates against a token's objects: searches and C_GetAttributeValue, without the way to them. */
#include "fuzz.h"

#include "pkcs11/find.h"
#include "pkcs11/generation.h"
#include "sample.h"
#include "stream.h"

#include <string.h>

static const struct kg_objects *objects(void) {
  static struct kg_generation *generation;
  struct kg_identity identity = sample_identity("web");
  struct kg_binding *binding = generation != NULL ? NULL : sample_binding("web", 1, 1);
  struct kg_error error = {0};
  if (generation == NULL) promise(kg_generation_new(&identity, &binding, NULL, &generation, &error) == KG_OK);
  return &generation->objects;
}

/* Every object that matches is found, in order, and each is one that matches every attribute alone. */
static void search(struct stream *stream) {
  CK_ULONG count = 0;
  CK_ATTRIBUTE *wanted = stream_template(stream, false, &count);
  for (CK_ULONG i = 0; i < count; i++)
    if (wanted[i].pValue == NULL) wanted[i].ulValueLen = 0; /* C_FindObjectsInit refuses these before */
  struct kg_find find;
  promise(kg_find_begin(objects(), wanted, count, KG_FIND_ALL, &find));
  CK_OBJECT_HANDLE found[64];
  size_t got = kg_find_next(&find, found, 64);
  size_t expected = 0;
  for (size_t i = 0; i < objects()->count; i++) {
    bool each = true;
    for (CK_ULONG a = 0; a < count; a++)
      each = each && kg_attributes_match(&objects()->items[i].attributes, &wanted[a], 1);
    if (each) promise(expected < got && found[expected++] == objects()->items[i].handle);
  }
  promise(expected == got);
  kg_find_clear(&find);
}

static void check_answer(const CK_ATTRIBUTE *asked, const CK_ATTRIBUTE *answer, const struct kg_attribute *item) {
  if (item == NULL || item->sensitive || (asked->pValue != NULL && asked->ulValueLen < item->len))
    promise(answer->ulValueLen == CK_UNAVAILABLE_INFORMATION);
  else
    promise(answer->ulValueLen == item->len);
  promise(answer->type == asked->type && answer->pValue == asked->pValue);
}

static void read(struct stream *stream, const struct kg_object *object) {
  CK_ULONG count = 0;
  CK_ATTRIBUTE *wanted = stream_template(stream, true, &count), asked[16];
  memcpy(asked, wanted, count * sizeof *asked);
  CK_RV rv = kg_attributes_get(&object->attributes, wanted, count);
  bool all = true;
  for (CK_ULONG i = 0; i < count; i++) {
    check_answer(&asked[i], &wanted[i], kg_attributes_find(&object->attributes, asked[i].type));
    all = all && wanted[i].ulValueLen != CK_UNAVAILABLE_INFORMATION;
  }
  promise((rv == CKR_OK) == all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct stream stream = {data, size, {NULL}, 0};
  while (stream.left) {
    if (stream_byte(&stream) & 1)
      search(&stream);
    else
      read(&stream, &objects()->items[stream_byte(&stream) % objects()->count]);
    stream_release(&stream);
  }
  return 0;
}
