/* A binding: whoever wrote the file, the module reads it in other people's processes. Input that begins with "{" is a
 * whole file; else what follows the first byte is put into a frame with the right checksum, which chance never finds.
 */
#include "fuzz.h"

#include "core/base/clock.h"
#include "core/base/encoding.h"
#include "core/state/binding.h"
#include "core/state/binding_reader.h"
#include "core/state/binding_writer.h"
#include "pkcs11/generation.h"
#include "sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kg_buf frame(struct kg_span body) {
  unsigned char digest[KG_HASH_MAX_SIZE];
  promise(kg_hash_once(KG_HASH_SHA256, body, digest));
  char *sum = kg_hex_format(kg_span_of(digest, 32));
  promise(sum != NULL);
  struct kg_buf text = {0};
  promise(kg_buf_append(&text, kg_span_text("{\"version\":1,\"sha256\":\"")) == KG_OK);
  promise(kg_buf_append(&text, kg_span_text(sum)) == KG_OK);
  promise(kg_buf_append(&text, kg_span_text("\",\"binding\":")) == KG_OK);
  promise(kg_buf_append(&text, body) == KG_OK);
  promise(kg_buf_append(&text, kg_span_text("}\n")) == KG_OK);
  free(sum);
  return text;
}

/* What was read is written and read again: the same text. */
static void write_and_read(const struct kg_binding *binding) {
  struct kg_buf first = {0};
  promise(kg_binding_format(binding, &first) == KG_OK);
  struct kg_binding *again = NULL;
  struct kg_error error = {0};
  promise(kg_binding_parse(kg_buf_span(&first), &again, &error) == KG_OK);
  struct kg_buf second = {0};
  promise(kg_binding_format(again, &second) == KG_OK);
  promise(kg_span_equal(kg_buf_span(&first), kg_buf_span(&second)));
  kg_binding_free(&again);
  kg_buf_clear(&first);
  kg_buf_clear(&second);
}

static void read_all_attributes(const struct kg_objects *objects) {
  for (size_t i = 0; i < objects->count; i++) {
    const struct kg_attributes *set = &objects->items[i].attributes;
    promise(objects->items[i].handle != 0 && !set->incomplete);
    for (size_t a = 0; a < set->count; a++) {
      CK_ATTRIBUTE wanted = {set->items[a].type, NULL, 0};
      CK_RV rv = kg_attributes_get(set, &wanted, 1);
      promise(rv == (set->items[a].sensitive ? CKR_ATTRIBUTE_SENSITIVE : CKR_OK));
      if (rv != CKR_OK) continue;
      wanted.pValue = malloc(wanted.ulValueLen + 1);
      promise(kg_attributes_get(set, &wanted, 1) == CKR_OK && kg_attributes_match(set, &wanted, 1));
      free(wanted.pValue);
    }
  }
}

/* What the module makes of it. Takes `*binding`. */
static void show(struct kg_binding **binding) {
  struct kg_identity identity = sample_identity("web");
  struct kg_buf text = {0};
  promise(kg_binding_format(*binding, &text) == KG_OK);
  struct kg_error error = {0};
  struct kg_generation *generation = NULL;
  promise(kg_generation_new(&identity, binding, NULL, &generation, &error) == KG_OK);
  read_all_attributes(&generation->objects);
  struct kg_binding *same = NULL;
  promise(kg_binding_parse(kg_buf_span(&text), &same, &error) == KG_OK);
  struct kg_generation *next = NULL;
  promise(kg_generation_new(&identity, &same, generation, &next, &error) == KG_OK);
  promise(next->objects.count == generation->objects.count && next->key == generation->key);
  for (size_t i = 0; i < next->objects.count; i++)
    promise(next->objects.items[i].handle == generation->objects.items[i].handle);
  kg_generation_unref(&generation);
  read_all_attributes(&next->objects);
  kg_generation_unref(&next);
  kg_buf_clear(&text);
}

static void check(struct kg_span text) {
  struct kg_binding *binding = NULL;
  struct kg_identity identity = sample_identity("web");
  struct kg_error error = {0};
  enum kg_status status = kg_binding_parse(text, &binding, &error);
  promise((status == KG_OK) == (binding != NULL));
  if (status != KG_OK) {
    promise(error.status == status && error.text[0] && strpbrk(error.text, "\r\n") == NULL);
    return;
  }
  (void)(kg_binding_check_identity(binding, &identity, &error) == KG_OK);
  (void)(kg_binding_check_time(binding, kg_clock_system()->wall(NULL), &error) == KG_OK);
  write_and_read(binding);
  show(&binding);
  kg_binding_free(&binding);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct kg_buf framed = {0};
  if (size > 0 && data[0] != '{') {
    framed = frame(kg_span_of(data + 1, size - 1));
    check(kg_buf_span(&framed));
    kg_buf_clear(&framed);
  } else {
    check(kg_span_of(data, size));
  }
  return 0;
}
