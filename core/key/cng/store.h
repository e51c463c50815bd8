/* The `cng:` key store: an RSA key that virtualization-based security isolates and that lives one boot. */
#ifndef KG_CORE_KEY_CNG_STORE_H
#define KG_CORE_KEY_CNG_STORE_H

#include "core/key/store.h"

extern const struct kg_key_store_ops kg_key_store_cng;

#endif
