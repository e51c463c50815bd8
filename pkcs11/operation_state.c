#include "pkcs11/operation_state.h"

#include "core/base/hash_state.h"

#include <string.h>

/* The frame: 8 bytes of name and version, the hash, whether a part was given, the hash's state, SHA-256 of all that. */
static const unsigned char frame_name[8] = {'k', 'g', 's', 't', 'a', 't', 'e', 1};
enum { AT_HASH = 8, AT_UPDATED = 9, AT_STATE = 10, CHECK_SIZE = 32 };
_Static_assert(AT_STATE + sizeof(((struct kg_hash_ctx *)0)->state) + CHECK_SIZE <= KG_OPERATION_STATE_MAX,
               "any state fits");

size_t kg_operation_state_format(const struct kg_operation *operation, unsigned char out[KG_OPERATION_STATE_MAX]) {
  size_t size = kg_hash_state_size(operation->mechanism->hash);
  if (size == 0) return 0;
  memcpy(out, frame_name, sizeof frame_name);
  out[AT_HASH] = (unsigned char)operation->mechanism->hash;
  out[AT_UPDATED] = operation->updated;
  kg_hash_state_save(&operation->hash, out + AT_STATE);
  if (!kg_hash_once(KG_HASH_SHA256, kg_span_of(out, AT_STATE + size), out + AT_STATE + size)) return 0;
  return AT_STATE + size + CHECK_SIZE;
}

static bool has_checksum(struct kg_span saved) {
  unsigned char digest[KG_HASH_MAX_SIZE];
  size_t covered = saved.len - CHECK_SIZE;
  return kg_hash_once(KG_HASH_SHA256, kg_span_of(saved.data, covered), digest) &&
         memcmp(digest, saved.data + covered, CHECK_SIZE) == 0;
}

static CK_MECHANISM_TYPE mechanism_of(unsigned char hash) {
  switch (hash) {
  case KG_HASH_SHA256:
    return CKM_SHA256;
  case KG_HASH_SHA384:
    return CKM_SHA384;
  case KG_HASH_SHA512:
    return CKM_SHA512;
  default:
    return CKM_VENDOR_DEFINED;
  }
}

bool kg_operation_state_parse(struct kg_span saved, const struct kg_mechanism_limits *limits,
                              struct kg_operation *out) {
  memset(out, 0, sizeof *out);
  if (saved.len < AT_STATE + CHECK_SIZE || memcmp(saved.data, frame_name, sizeof frame_name) != 0) return false;
  if (!has_checksum(saved) || saved.data[AT_UPDATED] > 1) return false;
  out->mechanism = kg_mechanism_find(mechanism_of(saved.data[AT_HASH]), limits);
  if (out->mechanism == NULL) return false;
  out->params.hash = out->mechanism->hash;
  out->updated = saved.data[AT_UPDATED] != 0;
  return kg_hash_state_load(&out->hash, out->mechanism->hash,
                            kg_span_of(saved.data + AT_STATE, saved.len - AT_STATE - CHECK_SIZE));
}
