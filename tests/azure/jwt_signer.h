/* JSON web tokens, RS256, by libjwt. */
#ifndef AZURE_JWT_SIGNER_H
#define AZURE_JWT_SIGNER_H

#include "authority.h"

#include <cJSON.h>

/* key_url: the header's jku, or NULL for none. The caller frees the token. */
char *az_jwt_sign(const struct az_signer *signer, const cJSON *claims, const char *key_url);

/* The claims if this signer signed it, whatever they say (dates are the caller's business); NULL otherwise. jku, if
 * wanted, gets the header's value or NULL. The caller frees both. */
cJSON *az_jwt_verify(const struct az_signer *signer, const char *token, char **jku);

/* RFC 7517: {"kty":"RSA","n":...,"e":...} of any RSA key. */
cJSON *az_jwt_format_key(gnutls_pubkey_t key);
cJSON *az_jwt_format_key_set(const struct az_signer *signer);

#endif
