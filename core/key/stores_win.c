#include "core/key/stores.h"

#include "core/key/cng/key_name.h"
#include "core/key/cng/store.h"
#include "core/os/library.h"

const struct kg_key_store kg_key_stores[] = {
    {.scheme = "cng:",
     .traits = KG_STORE_VERIFIES | KG_STORE_PER_BOOT | KG_STORE_REPLACES_DEAD | KG_STORE_NATIVE_HANDLE,
     .parse = kg_cng_place_parse,
     .free_place = kg_cng_place_free,
     .ops = &kg_key_store_cng},
    {0},
};

/* There is no fixed folder of installation: all that belongs together lies side by side. */
char *kg_key_stores_folder(void) {
  return kg_library_own_folder();
}
