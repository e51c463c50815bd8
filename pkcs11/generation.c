#include "pkcs11/generation.h"

#include "core/state/binding_facts.h"

#include <stdlib.h>

static bool is_same_key(const struct kg_binding *a, const struct kg_binding *b) {
  return kg_span_equal(kg_buf_span(&a->modulus), kg_buf_span(&b->modulus)) &&
         kg_span_equal(kg_buf_span(&a->exponent), kg_buf_span(&b->exponent));
}

static struct kg_lazy_key *share_key(const struct kg_identity *identity, const struct kg_generation *generation,
                                     const struct kg_generation *before) {
  if (before != NULL && is_same_key(before->binding, generation->binding)) return kg_lazy_key_ref(before->key);
  return kg_lazy_key_new(identity->key_store);
}

static void read_limits(struct kg_generation *generation) {
  const struct kg_binding *binding = generation->binding;
  generation->limits.capabilities = binding->capabilities;
  generation->limits.key_bits = binding->key_bits;
  generation->limits.hardware = binding->strength >= KG_STRENGTH_HARDWARE;
  generation->mechanisms_count = kg_mechanism_list_sign(&generation->limits, generation->mechanisms);
}

static enum kg_status build_objects(const struct kg_identity *identity, struct kg_generation *generation,
                                    const struct kg_generation *before, struct kg_error *error) {
  const struct kg_objects_source from = {
      .identity = identity->name,
      .binding = generation->binding,
      .limits = &generation->limits,
      .mechanisms = kg_span_of(generation->mechanisms, generation->mechanisms_count * sizeof(CK_MECHANISM_TYPE)),
      .facts = generation->facts,
      .before = before != NULL ? &before->objects : NULL,
  };
  return kg_objects_build(&from, &generation->objects, error);
}

enum kg_status kg_generation_new(const struct kg_identity *identity, struct kg_binding **binding,
                                 const struct kg_generation *before, struct kg_generation **out,
                                 struct kg_error *error) {
  struct kg_generation *generation = calloc(1, sizeof *generation);
  if (generation == NULL) return kg_error_no_memory(error, "for a token");
  atomic_store(&generation->references, 1);
  generation->binding = *binding;
  read_limits(generation);
  generation->facts = kg_binding_facts(*binding);
  generation->key = share_key(identity, generation, before);
  enum kg_status status = KG_OK;
  if (generation->facts != NULL && generation->key != NULL)
    status = build_objects(identity, generation, before, error);
  else
    status = kg_error_no_memory(error, "for a token");
  if (status == KG_OK) {
    *binding = NULL;
    *out = generation;
  } else {
    generation->binding = NULL;
    kg_generation_unref(&generation);
  }
  return status;
}

struct kg_generation *kg_generation_ref(struct kg_generation *generation) {
  atomic_fetch_add_explicit(&generation->references, 1, memory_order_relaxed);
  return generation;
}

void kg_generation_unref(struct kg_generation **generation) {
  struct kg_generation *mine = *generation;
  *generation = NULL;
  if (mine == NULL || atomic_fetch_sub_explicit(&mine->references, 1, memory_order_acq_rel) != 1) return;
  kg_objects_clear(&mine->objects);
  free(mine->facts);
  kg_lazy_key_unref(&mine->key);
  kg_binding_free(&mine->binding);
  free(mine);
}

size_t kg_generation_signature_size(const struct kg_generation *generation) {
  return (generation->limits.key_bits + 7) / 8;
}
