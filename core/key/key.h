/* The private key, wherever it lives. One small interface over the stores of the registry.
 * A key is safe to use from many threads at once and holds no lock of ours while the store works. */
#ifndef KG_CORE_KEY_KEY_H
#define KG_CORE_KEY_KEY_H

#include "core/base/error.h"
#include "core/key/info.h"
#include "core/key/uri.h"

struct kg_key;

/* The key shares `uri`. KG_E_KEY_NOT_FOUND, KG_E_KEY_PIN, KG_E_KEY_STORE, KG_E_KEY_BUSY, KG_E_KEY_MECHANISM (no RSA key
 * of 2048 to 4096 bits that may sign), KG_E_UNTRUSTED, KG_E_ACCESS; KG_E_CONFIG where two tokens or two keys match, or
 * the URI leads back to this module. A refusal is never KG_E_KEY_NOT_FOUND. */
KG_MUST_USE enum kg_status kg_key_open(struct kg_key_uri *uri, unsigned flags, struct kg_key **out,
                                       struct kg_error *error);
void kg_key_close(struct kg_key **key);
const struct kg_key_info *kg_key_info(const struct kg_key *key); /* borrowed */
/* What the attestation library is given: the NCRYPT_KEY_HANDLE of a `cng:` key, valid until close; else 0. */
uintptr_t kg_key_native_handle(const struct kg_key *key);

/* `signature` takes info->bits / 8 bytes. KG_E_KEY_MECHANISM, KG_E_KEY_INPUT, KG_E_KEY_DATA (all before the store is
 * asked), KG_E_KEY_BUSY, KG_E_KEY_PIN, KG_E_KEY_DEAD, KG_E_KEY_STORE. */
KG_MUST_USE enum kg_status kg_key_sign(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                                       unsigned char *signature, struct kg_error *error);
/* KG_E_SIGNATURE where it does not match. */
KG_MUST_USE enum kg_status kg_key_verify(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                                         struct kg_span signature, struct kg_error *error);
/* One PSS SHA-256 signature (salt 32) over a zero digest, the padding of the CSR, verified where the store can:
 * KG_E_KEY_DEAD where it fails or is wrong. Where nobody could ask (PIN, busy, no memory, no such mechanism) the status
 * says that instead: it is no reason to replace a key. */
KG_MUST_USE enum kg_status kg_key_probe(struct kg_key *key, struct kg_error *error);
/* Destroys the key in its store, then closes it; where it cannot be destroyed it stays open. */
KG_MUST_USE enum kg_status kg_key_delete(struct kg_key **key, struct kg_error *error);

/* The calling thread is inside a store. A token's library may lead back to us (it loads OpenSSL, whose configuration
 * loads a provider, which loads our module); every call above is then refused at once, without waiting. */
bool kg_key_is_inside_store(void);

#endif
