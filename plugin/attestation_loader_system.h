/* Between attestation_loader.c and the file for each system: nobody else includes this. */
#ifndef KG_PLUGIN_ATTESTATION_LOADER_SYSTEM_H
#define KG_PLUGIN_ATTESTATION_LOADER_SYSTEM_H

#include "plugin/attestation_loader.h"

#include <stddef.h>

#define KG_SHA256_TEXT 64 /* hexadecimal digits */

/* Beside the file that holds this code; free() it. NULL: unknown, or no memory. By the system's file. */
char *kg_attestation_library_default_path(void);
/* Checks the file (kg_attestation_library_check_file), loads it and finds its functions. By the system's file. */
KG_MUST_USE enum kg_status kg_attestation_library_open(const char *path, const char *pin,
                                                       char sha256[KG_SHA256_TEXT + 1],
                                                       struct kg_attestation_library *out, struct kg_error *error);

/* Whether only we or root can write it and whether it has the pinned hash (`pin` NULL: any); its hash. */
KG_MUST_USE enum kg_status kg_attestation_library_check_file(const char *path, const char *pin,
                                                             char sha256[KG_SHA256_TEXT + 1], struct kg_error *error);
/* Stores the function `name` at `function`, a pointer of `size` bytes to it; false: there is none. */
typedef bool kg_symbol_find(void *handle, const char *name, void *function, size_t size);
KG_MUST_USE enum kg_status kg_attestation_library_find_functions(const char *path, void *handle, kg_symbol_find *find,
                                                                 struct kg_attestation_library *out,
                                                                 struct kg_error *error);

#endif
