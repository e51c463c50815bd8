/* DigestInfo: what is taken is exactly what would be written, and nothing else is. */
#include "fuzz.h"

#include "core/key/digest_info.h"
#include "core/key/sign_params.h"

#include <string.h>

static const enum kg_hash hashes[] = {KG_HASH_SHA256, KG_HASH_SHA384, KG_HASH_SHA512};

static bool is_written(struct kg_span input) {
  for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
    size_t size = kg_hash_size(hashes[i]);
    if (input.len < size) continue;
    unsigned char out[KG_DIGEST_INFO_MAX];
    size_t len = kg_digest_info_format(hashes[i], kg_span_of(input.data + input.len - size, size), out);
    if (len == input.len && memcmp(out, input.data, len) == 0) return true;
  }
  return false;
}

static void parse(struct kg_span input) {
  enum kg_hash hash = KG_HASH_NONE;
  struct kg_span digest = {0};
  bool taken = kg_digest_info_parse(input, &hash, &digest) == KG_OK;
  promise(taken == is_written(input));
  promise(!taken || (digest.len == kg_hash_size(hash) && digest.data + digest.len == input.data + input.len));
}

/* The way there, for keys that take any input and those that take a DigestInfo only. */
static void take_input(struct kg_span given, unsigned capabilities, unsigned bits, enum kg_padding padding) {
  struct kg_sign_params params = {padding, padding == KG_PADDING_PSS ? KG_HASH_SHA384 : KG_HASH_NONE, 0};
  struct kg_span input = given;
  enum kg_status status = kg_sign_params_take_input(&params, &input, capabilities, bits, NULL);
  bool any = padding == KG_PADDING_PSS || capabilities & KG_CAN_PKCS1_ANY_INPUT;
  promise(status == KG_OK || status == KG_E_KEY_INPUT || (!any && status == KG_E_KEY_DATA));
  if (status != KG_OK) return;
  promise(input.data >= given.data && input.data + input.len == given.data + given.len);
  promise(padding == KG_PADDING_PSS ? input.len == 48 : input.len + 11 <= bits / 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct kg_span input = kg_span_of(data, size);
  parse(input);
  take_input(input, KG_CAN_SIGN_PKCS1 | KG_CAN_PKCS1_ANY_INPUT, 2048, KG_PADDING_PKCS1);
  take_input(input, KG_CAN_SIGN_PKCS1, 2048, KG_PADDING_PKCS1);
  take_input(input, KG_CAN_SIGN_PKCS1, 512, KG_PADDING_PKCS1);
  take_input(input, KG_CAN_SIGN_PSS, 2048, KG_PADDING_PSS);
  return 0;
}
