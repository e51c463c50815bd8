#include "wire/crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/provider.h>
#include <stdbool.h>

static bool can_hash(void) {
  EVP_MD *sha256 = EVP_MD_fetch(NULL, "SHA2-256", "provider=default");
  bool can = sha256 != NULL;
  EVP_MD_free(sha256);
  return can;
}

enum kg_status kg_crypto_isolate(struct kg_error *error) {
  static OSSL_PROVIDER *loaded; /* kept until the process ends */
  if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL))
    return kg_error_set(error, KG_E_BUG, "OpenSSL cannot be initialised");
  if (loaded == NULL) loaded = OSSL_PROVIDER_load(NULL, "default");
  if (loaded == NULL || !can_hash())
    return kg_error_set(error, KG_E_BUG, "OpenSSL's default provider cannot be loaded");
  return KG_OK;
}
