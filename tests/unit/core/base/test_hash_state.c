#include "core/base/hash_state.h"

#include "tests/support/unit.h"

#include <string.h>

static const enum kg_hash hashes[] = {KG_HASH_SHA256, KG_HASH_SHA384, KG_HASH_SHA512};

static void sizes_fit_and_sha1_has_none(void **state) {
  (void)state;
  assert_true(kg_hash_state_is_supported());
  assert_int_equal(kg_hash_state_size(KG_HASH_NONE), 0);
  assert_int_equal(kg_hash_state_size(KG_HASH_SHA1), 0);
  for (size_t i = 0; i < COUNT(hashes); i++) {
    assert_true(kg_hash_state_size(hashes[i]) >= kg_hash_size(hashes[i]));
    assert_true(kg_hash_state_size(hashes[i]) <= sizeof(struct kg_hash_ctx));
  }
}

static void saved_and_loaded_go_their_own_ways(void **state) {
  (void)state;
  char text[301];
  memset(text, 'x', sizeof text);
  unsigned char saved[sizeof(struct kg_hash_ctx)], digest[KG_HASH_MAX_SIZE], expected[KG_HASH_MAX_SIZE];
  struct kg_hash_ctx ctx, again;
  for (size_t i = 0; i < COUNT(hashes); i++)
    for (size_t cut = 0; cut <= 300; cut += 25) { /* inside, at and over block borders */
      size_t size = kg_hash_state_size(hashes[i]);
      kg_hash_init(&ctx, hashes[i]);
      kg_hash_update(&ctx, kg_span_of(text, cut));
      kg_hash_state_save(&ctx, saved);
      kg_hash_update(&ctx, kg_span_text("something else"));
      kg_hash_clear(&ctx);
      assert_true(kg_hash_state_load(&again, hashes[i], kg_span_of(saved, size)));
      kg_hash_update(&again, kg_span_of(text + cut, 300 - cut));
      assert_true(kg_hash_final(&again, digest));
      assert_true(kg_hash_once(hashes[i], kg_span_of(text, 300), expected));
      assert_memory_equal(digest, expected, kg_hash_size(hashes[i]));
    }
}

static void wrong_lengths_and_hashes_are_refused(void **state) {
  static const struct kg_hash_ctx zeroes;
  (void)state;
  struct kg_hash_ctx ctx;
  unsigned char saved[sizeof(struct kg_hash_ctx)] = {0};
  for (size_t i = 0; i < COUNT(hashes); i++)
    for (size_t length = 0; length <= sizeof saved; length++) {
      if (length == kg_hash_state_size(hashes[i])) continue;
      memset(&ctx, 0xA5, sizeof ctx);
      assert_false(kg_hash_state_load(&ctx, hashes[i], kg_span_of(saved, length)));
      assert_memory_equal(&ctx, &zeroes, sizeof ctx);
    }
  assert_false(kg_hash_state_load(&ctx, KG_HASH_SHA1, kg_span_of(saved, 0)));
  assert_false(kg_hash_state_load(&ctx, KG_HASH_NONE, kg_span_of(saved, 0)));
}

static void any_bytes_are_safe_to_go_on_with(void **state) {
  (void)state;
  char text[300] = {0};
  struct kg_hash_ctx ctx;
  unsigned char saved[sizeof(struct kg_hash_ctx)], digest[KG_HASH_MAX_SIZE];
  int refused = 0;
  for (size_t i = 0; i < COUNT(hashes); i++)
    for (size_t at = 0; at < kg_hash_state_size(hashes[i]); at++) {
      memset(saved, 0, sizeof saved);
      saved[at] = 0xFF;
      if (!kg_hash_state_load(&ctx, hashes[i], kg_span_of(saved, kg_hash_state_size(hashes[i])))) {
        refused++;
        continue;
      }
      kg_hash_update(&ctx, kg_span_of(text, sizeof text));
      assert_true(kg_hash_final(&ctx, digest));
    }
  assert_true(refused >= 3 * (int)sizeof(unsigned)); /* each byte of the index, at least */
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/hash_state/sizes_fit_and_sha1_has_none", sizes_fit_and_sha1_has_none),
      CASE("/hash_state/saved_and_loaded_go_their_own_ways", saved_and_loaded_go_their_own_ways),
      CASE("/hash_state/wrong_lengths_and_hashes_are_refused", wrong_lengths_and_hashes_are_refused),
      CASE("/hash_state/any_bytes_are_safe_to_go_on_with", any_bytes_are_safe_to_go_on_with),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
