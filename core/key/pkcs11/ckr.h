/* CK_RV to status and text. */
#ifndef KG_CORE_KEY_PKCS11_CKR_H
#define KG_CORE_KEY_PKCS11_CKR_H

#include "core/base/error.h"
#include "keyguard/cryptoki.h"

const char *kg_ckr_name(CK_RV rv); /* NULL: unknown */
/* "C_Sign: CKR_DEVICE_ERROR (0x30)", the code in native_code too. `error` may be NULL. */
enum kg_status kg_ckr_error(struct kg_error *error, const char *function, CK_RV rv);

#endif
