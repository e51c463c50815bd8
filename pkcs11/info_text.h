/* The texts by which the module and its tokens are known, and how they are written into PKCS#11 structures. */
#ifndef KG_PKCS11_INFO_TEXT_H
#define KG_PKCS11_INFO_TEXT_H

#include "keyguard/cryptoki.h"

/* Documented: URIs may name them. */
#define KG_INFO_MANUFACTURER "keyguard-pkcs11"
#define KG_INFO_MODEL "managed identity"
#define KG_INFO_LIBRARY "Managed identity as a token"

/* Blank padded, no NUL, cut where it is too long (PKCS#11 3.0 section 3.1). */
void kg_info_text_pad(CK_UTF8CHAR *out, size_t size, const char *text);
CK_VERSION kg_info_version(void); /* of the library, from KEYGUARD_VERSION */

#endif
