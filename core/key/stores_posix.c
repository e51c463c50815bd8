#include "core/key/stores.h"

#include "core/key/pkcs11/store.h"
#include "core/key/pkcs11/uri.h"

const struct kg_key_store kg_key_stores[] = {
    {.scheme = "pkcs11:",
     .traits = KG_STORE_VERIFIES,
     .parse = kg_pkcs11_place_parse,
     .free_place = kg_pkcs11_place_free,
     .holds_secret = kg_pkcs11_place_holds_secret,
     .ops = &kg_key_store_pkcs11},
    {0},
};

/* The plugins' folder. */
char *kg_key_stores_folder(void) {
  return kg_strdup(KG_KEY_STORE_DIR);
}
