/* Shared libraries. */
#ifndef KG_CTL_LIBRARY_H
#define KG_CTL_LIBRARY_H

#include "core/base/status.h"

#ifdef _WIN32
#define KG_LIBRARY_SUFFIX ".dll"
/* There is no fixed folder of installation: all that belongs together lies beside keyguardctl.exe. Borrowed. */
const char *kg_library_own_folder(void);
const char *kg_library_own_module(void);
#define KG_PLUGIN_DIR kg_library_own_folder()
#define KG_MODULE_PATH kg_library_own_module()
#else
#define KG_LIBRARY_SUFFIX ".so"
#endif

KG_MUST_USE enum kg_status kg_library_open(const char *path, void **out, struct kg_error *error); /* KG_E_PLUGIN */
void *kg_library_symbol(void *library, const char *name);                                         /* NULL: none */

#endif
