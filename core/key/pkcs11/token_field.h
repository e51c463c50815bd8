/* The texts of CK_INFO and CK_TOKEN_INFO: fixed fields that blanks fill up (some libraries: zeros). */
#ifndef KG_CORE_KEY_PKCS11_TOKEN_FIELD_H
#define KG_CORE_KEY_PKCS11_TOKEN_FIELD_H

#include "keyguard/cryptoki.h"

#include <stdbool.h>
#include <stddef.h>

size_t kg_token_field_length(const CK_UTF8CHAR *field, size_t size); /* without what fills it up */
bool kg_token_field_is(const CK_UTF8CHAR *field, size_t size, const char *text);

#endif
