/* DigestInfo of RFC 8017 section 9.2 note 1 for SHA-256, 384 and 512: a fixed prefix and the digest. */
#ifndef KG_CORE_KEY_DIGEST_INFO_H
#define KG_CORE_KEY_DIGEST_INFO_H

#include "core/base/hash.h"

#define KG_DIGEST_INFO_MAX (19 + KG_HASH_MAX_SIZE)

/* Length first, then the whole prefix. KG_E_KEY_DATA for anything else; `*digest` points into `input`. */
KG_MUST_USE enum kg_status kg_digest_info_parse(struct kg_span input, enum kg_hash *hash, struct kg_span *digest);
/* Writes prefix and digest; returns the length, 0 where hash or digest length is wrong. */
size_t kg_digest_info_format(enum kg_hash hash, struct kg_span digest, unsigned char out[KG_DIGEST_INFO_MAX]);

#endif
