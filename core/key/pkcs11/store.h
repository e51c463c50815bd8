/* The `pkcs11:` key store: an RSA key in a token behind a PKCS#11 library. */
#ifndef KG_CORE_KEY_PKCS11_STORE_H
#define KG_CORE_KEY_PKCS11_STORE_H

#include "core/key/store.h"

extern const struct kg_key_store_ops kg_key_store_pkcs11;

#endif
