/* One KeyGuard key through NCrypt: each step of its life as one call, no policy. */
#ifndef KG_CORE_KEY_CNG_NCRYPT_KEY_H
#define KG_CORE_KEY_CNG_NCRYPT_KEY_H

#include "core/base/error.h"
#include "core/key/cng/api.h"
#include "core/key/cng/key_name.h"
#include "core/key/info.h"

struct kg_cng_key {
  const struct kg_ncrypt *api;
  NCRYPT_PROV_HANDLE provider;
  NCRYPT_KEY_HANDLE key;
  struct kg_cng_name name;
};

/* ncrypt.dll and the software key storage provider; the key itself is not touched. */
KG_MUST_USE enum kg_status kg_cng_init(struct kg_cng_key *key, const struct kg_cng_name *name, struct kg_error *error);
void kg_cng_clear(struct kg_cng_key *key);

/* KG_E_KEY_NOT_FOUND, KG_E_KEY_DEAD, KG_E_ACCESS, else KG_E_KEY_STORE; native_code is NCrypt's. */
KG_MUST_USE enum kg_status kg_cng_open(struct kg_cng_key *key, struct kg_error *error);
/* RSA 2048, isolated, for this boot, never exportable. `overwrite` replaces what has the name; without it
 * KG_E_LOCK_BUSY says that somebody made the key meanwhile. KG_E_KEYGUARD_UNAVAILABLE: no VBS here. */
KG_MUST_USE enum kg_status kg_cng_create(struct kg_cng_key *key, bool overwrite, struct kg_error *error);
bool kg_cng_is_isolated(const struct kg_cng_key *key);
/* The whole RSAPUBLICBLOB (BCRYPT_RSAKEY_BLOB, exponent, modulus), checked. */
KG_MUST_USE enum kg_status kg_cng_export_public(const struct kg_cng_key *key, struct kg_buf *blob,
                                                struct kg_error *error);
/* `digest` is params->hash's. KG_E_KEY_DEAD, KG_E_ACCESS, KG_E_KEY_STORE. */
KG_MUST_USE enum kg_status kg_cng_sign(const struct kg_cng_key *key, const struct kg_sign_params *params,
                                       struct kg_span digest, unsigned char *signature, size_t size,
                                       struct kg_error *error);
KG_MUST_USE enum kg_status kg_cng_delete(struct kg_cng_key *key, struct kg_error *error);

/* L"SHA256" and so on, NULL for KG_HASH_NONE. */
const wchar_t *kg_cng_hash_name(enum kg_hash hash);
/* Padding information as NCrypt and BCrypt want it; returns the flag that goes with it. */
union kg_cng_padding {
  BCRYPT_PKCS1_PADDING_INFO pkcs1;
  BCRYPT_PSS_PADDING_INFO pss;
};
ULONG kg_cng_padding_of(const struct kg_sign_params *params, union kg_cng_padding *out);

#endif
