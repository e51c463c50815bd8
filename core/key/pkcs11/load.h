/* Finding and loading a token's library. */
#ifndef KG_CORE_KEY_PKCS11_LOAD_H
#define KG_CORE_KEY_PKCS11_LOAD_H

#include "core/base/error.h"
#include "keyguard/cryptoki.h"

/* Trusted (KG_E_UNTRUSTED), loaded, neither ourselves nor p11-kit's proxy (KG_E_CONFIG). `*resolved` is the path
 * without links; free() it. The library stays loaded for the life of the process. */
KG_MUST_USE enum kg_status kg_backing_library_load(const char *path, char **resolved, const CK_FUNCTION_LIST **f,
                                                   struct kg_error *error);

#endif
