#include "core/key/digest_info.h"

#include <string.h>

#define PREFIX_SIZE 19

/* RFC 8017 section 9.2 note 1: everything of the DER before the digest. All three have the same length. */
struct digest_info {
  enum kg_hash hash;
  size_t digest_size;
  unsigned char prefix[PREFIX_SIZE];
};

/* clang-format off */
static const struct digest_info table[] = {
  { KG_HASH_SHA256, 32, { 0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20 } },
  { KG_HASH_SHA384, 48, { 0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x05, 0x00, 0x04, 0x30 } },
  { KG_HASH_SHA512, 64, { 0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40 } },
};
/* clang-format on */

enum kg_status kg_digest_info_parse(struct kg_span input, enum kg_hash *hash, struct kg_span *digest) {
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    const struct digest_info *row = &table[i];
    if (input.data == NULL || input.len != PREFIX_SIZE + row->digest_size) continue;
    if (memcmp(input.data, row->prefix, PREFIX_SIZE) != 0) return KG_E_KEY_DATA;
    *hash = row->hash;
    *digest = (struct kg_span){input.data + PREFIX_SIZE, row->digest_size};
    return KG_OK;
  }
  return KG_E_KEY_DATA;
}

size_t kg_digest_info_format(enum kg_hash hash, struct kg_span digest, unsigned char out[KG_DIGEST_INFO_MAX]) {
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    const struct digest_info *row = &table[i];
    if (row->hash != hash) continue;
    if (digest.data == NULL || digest.len != row->digest_size) return 0;
    memcpy(out, row->prefix, PREFIX_SIZE);
    memcpy(out + PREFIX_SIZE, digest.data, digest.len);
    return PREFIX_SIZE + digest.len;
  }
  return 0;
}
