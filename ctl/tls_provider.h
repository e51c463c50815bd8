/* A small OpenSSL provider inside this process: an RSA key whose private half is a struct kg_key. TLS signs through it,
 * so no engine, no PIN and no private bytes are needed, and every key store does mutual TLS the same way. */
#ifndef KG_CTL_TLS_PROVIDER_H
#define KG_CTL_TLS_PROVIDER_H

#include "core/base/error.h"
#include "core/key/key.h"

#include <openssl/evp.h>

struct kg_tls_signer { /* outlives every EVP_PKEY made of it */
  struct kg_key *key;
  struct kg_error error; /* of the last signature that failed; KG_OK: none did */
};

/* After kg_crypto_isolate(), which loads the default provider by name: everything but this key stays in that one.
 * EVP_PKEY_free() it. NULL: `error` says why. */
EVP_PKEY *kg_tls_provider_key(struct kg_tls_signer *signer, struct kg_error *error);

#endif
