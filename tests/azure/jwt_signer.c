#include "jwt_signer.h"

#include <jwt.h>
#include <stdlib.h>
#include <string.h>

char *az_jwt_sign(const struct az_signer *signer, const cJSON *claims, const char *key_url) {
  jwt_t *jwt = NULL;
  char *text = cJSON_PrintUnformatted(claims);
  if (text == NULL || jwt_new(&jwt) != 0 || jwt_add_grants_json(jwt, text) != 0) abort();
  jwt_add_header(jwt, "kid", signer->kid);
  if (key_url != NULL) jwt_add_header(jwt, "jku", key_url);
  if (jwt_set_alg(jwt, JWT_ALG_RS256, (const unsigned char *)signer->private_pem, (int)strlen(signer->private_pem)) !=
      0)
    abort();
  char *token = jwt_encode_str(jwt);
  if (token == NULL) abort();
  jwt_free(jwt);
  cJSON_free(text);
  return token;
}

cJSON *az_jwt_verify(const struct az_signer *signer, const char *token, char **jku) {
  if (jku != NULL) *jku = NULL;
  jwt_t *jwt = NULL;
  if (jwt_decode(&jwt, token, (const unsigned char *)signer->public_pem, (int)strlen(signer->public_pem)) != 0)
    return NULL;
  cJSON *claims = NULL;
  if (jwt_get_alg(jwt) == JWT_ALG_RS256) { /* "none" decodes too */
    char *text = jwt_get_grants_json(jwt, NULL);
    const char *url = jwt_get_header(jwt, "jku");
    claims = cJSON_Parse(text);
    if (jku != NULL && url != NULL) *jku = az_text_dup(url);
    free(text);
  }
  jwt_free(jwt);
  return claims;
}

static void add_number(cJSON *key, const char *name, gnutls_datum_t *number) {
  char *text = az_text_base64url(number->data, number->size);
  cJSON_AddStringToObject(key, name, text);
  free(text);
  gnutls_free(number->data);
}

cJSON *az_jwt_format_key(gnutls_pubkey_t key) {
  cJSON *jwk = cJSON_CreateObject();
  cJSON_AddStringToObject(jwk, "kty", "RSA");
  /* RFC 7518 6.3.1: without the leading zero octet that DER needs */
  gnutls_datum_t modulus, exponent;
  az_check(gnutls_pubkey_export_rsa_raw2(key, &modulus, &exponent, GNUTLS_EXPORT_FLAG_NO_LZ), "public key");
  add_number(jwk, "n", &modulus);
  add_number(jwk, "e", &exponent);
  return jwk;
}

cJSON *az_jwt_format_key_set(const struct az_signer *signer) {
  gnutls_datum_t pem = {(unsigned char *)signer->public_pem, (unsigned)strlen(signer->public_pem)};
  gnutls_pubkey_t key;
  az_check(gnutls_pubkey_init(&key), "public key");
  az_check(gnutls_pubkey_import(key, &pem, GNUTLS_X509_FMT_PEM), "public key");
  cJSON *set = cJSON_CreateObject(), *jwk = az_jwt_format_key(key);
  cJSON_AddStringToObject(jwk, "kid", signer->kid);
  cJSON_AddStringToObject(jwk, "alg", "RS256");
  cJSON_AddStringToObject(jwk, "use", "sig");
  cJSON_AddItemToArray(cJSON_AddArrayToObject(set, "keys"), jwk);
  gnutls_pubkey_deinit(key);
  return set;
}
