/* The rows of the registry, and where objects are looked for: chosen by the build, replaced by tests. */
#ifndef KG_CORE_KEY_STORES_H
#define KG_CORE_KEY_STORES_H

#include "core/key/store.h"

extern const struct kg_key_store kg_key_stores[]; /* the last one has no scheme */
char *kg_key_stores_folder(void);                 /* free() it; NULL: no memory, or unknown */

#endif
