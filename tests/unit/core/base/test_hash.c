#include "core/base/hash.h"

#include "core/base/encoding.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

static void assert_digest(const unsigned char *digest, enum kg_hash hash, const char *expected) {
  char *hex = kg_hex_format(kg_span_of(digest, kg_hash_size(hash)));
  assert_string_equal(hex, expected);
  free(hex);
}

#define TWO_BLOCKS "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"

/* FIPS 180-4 examples (NIST CSRC, "Examples with Intermediate Values"), and of the empty message. */
static const struct {
  enum kg_hash hash;
  const char *message, *digest;
} vectors[] = {
    {KG_HASH_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {KG_HASH_SHA1, "", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
    {KG_HASH_SHA1, TWO_BLOCKS, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
    {KG_HASH_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {KG_HASH_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {KG_HASH_SHA256, TWO_BLOCKS, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {KG_HASH_SHA384, "abc",
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
    {KG_HASH_SHA384, "",
     "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b"},
    {KG_HASH_SHA512, "abc",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2"
     "a9ac94fa54ca49f"},
    {KG_HASH_SHA512, "",
     "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a"
     "538327af927da3e"},
};

static void published_vectors_agree(void **state) {
  (void)state;
  unsigned char digest[KG_HASH_MAX_SIZE];
  for (size_t i = 0; i < COUNT(vectors); i++) {
    kg_hash_once(vectors[i].hash, kg_span_text(vectors[i].message), digest);
    assert_digest(digest, vectors[i].hash, vectors[i].digest);
  }
}

static void pieces_give_what_the_whole_gives(void **state) {
  (void)state;
  unsigned char digest[KG_HASH_MAX_SIZE];
  const char *message;
  struct kg_hash_ctx ctx;
  for (size_t i = 0; i < COUNT(vectors); i++) {
    message = vectors[i].message;
    kg_hash_init(&ctx, vectors[i].hash);
    for (const char *at = message; *at; at++) {
      kg_hash_update(&ctx, kg_span_of(at, 1));
      kg_hash_update(&ctx, kg_span_of(NULL, 0));
    }
    kg_hash_final(&ctx, digest);
    assert_digest(digest, vectors[i].hash, vectors[i].digest);
  }
}

static void million_letters_agree(void **state) {
  (void)state;
  char piece[1000];
  memset(piece, 'a', sizeof piece);
  struct kg_hash_ctx ctx;
  kg_hash_init(&ctx, KG_HASH_SHA256);
  for (int i = 0; i < 1000; i++)
    kg_hash_update(&ctx, kg_span_of(piece, sizeof piece));
  unsigned char digest[KG_HASH_MAX_SIZE];
  kg_hash_final(&ctx, digest);
  assert_digest(digest, KG_HASH_SHA256, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void moved_context_goes_on(void **state) {
  (void)state;
  struct kg_hash_ctx first, second;
  unsigned char digest[KG_HASH_MAX_SIZE], alone[KG_HASH_MAX_SIZE];
  for (int hash = KG_HASH_SHA1; hash <= KG_HASH_SHA512; hash++) {
    kg_hash_init(&first, (enum kg_hash)hash);
    kg_hash_update(&first, kg_span_text("a"));
    second = first;
    memset(&first, 0xA5, sizeof first);
    kg_hash_update(&second, kg_span_text("bc"));
    assert_true(kg_hash_final(&second, digest));
    assert_true(kg_hash_once((enum kg_hash)hash, kg_span_text("abc"), alone));
    assert_memory_equal(digest, alone, kg_hash_size((enum kg_hash)hash));
  }
}

static void given_up_context_is_clean(void **state) {
  static const struct kg_hash_ctx zeroes;
  (void)state;
  struct kg_hash_ctx ctx;
  kg_hash_init(&ctx, KG_HASH_SHA256);
  kg_hash_update(&ctx, kg_span_text("secret"));
  kg_hash_clear(&ctx);
  assert_memory_equal(&ctx, &zeroes, sizeof ctx);
  kg_hash_clear(&ctx);
  assert_memory_equal(&ctx, &zeroes, sizeof ctx);
}

static void final_wipes_the_context(void **state) {
  static const struct kg_hash_ctx zeroes;
  (void)state;
  struct kg_hash_ctx ctx;
  kg_hash_init(&ctx, KG_HASH_SHA512);
  kg_hash_update(&ctx, kg_span_text("secret"));
  unsigned char digest[KG_HASH_MAX_SIZE];
  kg_hash_final(&ctx, digest);
  assert_memory_equal(&ctx, &zeroes, sizeof ctx);
}

static void no_hash_writes_nothing(void **state) {
  (void)state;
  unsigned char digest[KG_HASH_MAX_SIZE];
  memset(digest, 0xA5, sizeof digest);
  unsigned char before[KG_HASH_MAX_SIZE];
  memcpy(before, digest, sizeof digest);
  kg_hash_once(KG_HASH_NONE, kg_span_text("abc"), digest);
  assert_memory_equal(digest, before, sizeof digest);
}

static void sizes_and_names_are_the_standards(void **state) {
  static const size_t sizes[] = {0, 20, 32, 48, 64};
  static const char *const names[] = {"none", "SHA1", "SHA256", "SHA384", "SHA512"};
  (void)state;
  for (int hash = KG_HASH_NONE; hash <= KG_HASH_SHA512; hash++) {
    assert_int_equal(kg_hash_size((enum kg_hash)hash), sizes[hash]);
    assert_string_equal(kg_hash_name((enum kg_hash)hash), names[hash]);
  }
  assert_int_equal(kg_hash_size((enum kg_hash)77), 0);
  assert_string_equal(kg_hash_name((enum kg_hash)77), "none");
  assert_string_equal(kg_hash_name((enum kg_hash)(KG_HASH_SHA512 + 1)), "none");
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/hash/published_vectors_agree", published_vectors_agree),
      CASE("/hash/pieces_give_what_the_whole_gives", pieces_give_what_the_whole_gives),
      CASE("/hash/million_letters_agree", million_letters_agree),
      CASE("/hash/moved_context_goes_on", moved_context_goes_on),
      CASE("/hash/given_up_context_is_clean", given_up_context_is_clean),
      CASE("/hash/final_wipes_the_context", final_wipes_the_context),
      CASE("/hash/no_hash_writes_nothing", no_hash_writes_nothing),
      CASE("/hash/sizes_and_names_are_the_standards", sizes_and_names_are_the_standards),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
