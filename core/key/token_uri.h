/* The PKCS#11 URI (RFC 7512) of one of our own tokens, as a client is to write it. */
#ifndef KG_CORE_KEY_TOKEN_URI_H
#define KG_CORE_KEY_TOKEN_URI_H

/* "pkcs11:token=NAME;object=NAME;type=private", percent-encoded; what is NULL is left out. A token's name has 1 to 32
 * bytes, a type is private, public, cert or data. free() it; NULL: no memory, or no token can be called so. */
char *kg_token_uri_format(const char *token, const char *object, const char *type);

#endif
