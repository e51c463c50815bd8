#include "plugin/attestation_token.h"

#include "core/base/encoding.h"
#include "core/base/json.h"
#include "wire/x509.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#define SIZE_LIMIT (64 * 1024)
#define SKEW_S 300
/* docs/protocol.md 5.4: its "jwk" is the public part of the attested key; some policies issue the JWK itself. */
#define KEY_CLAIM "x-ms-tpm-request-key"

struct parts {
  struct kg_span head, payload, signature;
};

static bool is_base64url(struct kg_span part) {
  for (size_t i = 0; i < part.len; i++)
    if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", part.data[i]) == NULL) return false;
  return part.len != 0;
}

static bool split(struct kg_span token, struct parts *out) {
  const unsigned char *end = token.data + token.len;

  const unsigned char *first = memchr(token.data, '.', token.len);
  if (first == NULL) return false;
  const unsigned char *second = memchr(first + 1, '.', (size_t)(end - first - 1));
  if (second == NULL) return false;
  out->head = kg_span_of(token.data, (size_t)(first - token.data));
  out->payload = kg_span_of(first + 1, (size_t)(second - first - 1));
  out->signature = kg_span_of(second + 1, (size_t)(end - second - 1));
  return is_base64url(out->head) && is_base64url(out->payload) && is_base64url(out->signature);
}

static bool is_blank(struct kg_span token) {
  for (size_t i = 0; i < token.len; i++)
    if (strchr(" \t\r\n", token.data[i]) == NULL) return false;
  return true;
}

/* NULL: not JSON, which is no failure here: only the form is promised (docs/protocol.md 5.1). */
static cJSON *parse_claims(struct kg_span payload) {
  struct kg_buf text = {0};
  cJSON *claims = NULL;
  if (kg_base64url_parse(payload, &text) == KG_OK) claims = kg_json_parse(kg_buf_span(&text), KG_E_USAGE, NULL);
  kg_buf_clear(&text);
  return claims;
}

static int64_t get_time(const cJSON *claims, const char *name) {
  int64_t when = 0;
  return kg_json_optional_int(claims, name, 0, KG_E_USAGE, &when, NULL) == KG_OK ? when : 0;
}

/* Compared as numbers: a JWK may carry leading zeros. True also where the claim cannot be read as RFC 7518 section 6.3
 * has it; it is a policy's to shape. */
static bool modulus_matches(const char *encoded, EVP_PKEY *key) {
  struct kg_buf bytes = {0};
  BIGNUM *ours = NULL, *theirs = NULL;
  bool matches = true;
  if (kg_base64url_parse(kg_span_text(encoded), &bytes) == KG_OK && bytes.len != 0) {
    theirs = BN_bin2bn(bytes.data, (int)bytes.len, NULL);
    matches =
        theirs != NULL && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &ours) == 1 && BN_cmp(ours, theirs) == 0;
  }
  kg_buf_clear(&bytes);
  BN_free(ours);
  BN_free(theirs);
  return matches;
}

static bool is_for_key(const cJSON *claims, struct kg_span public_key_info) {
  const cJSON *claim = cJSON_GetObjectItemCaseSensitive(claims, KEY_CLAIM);
  const cJSON *jwk = cJSON_GetObjectItemCaseSensitive(claim, "jwk");
  const char *modulus = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(jwk != NULL ? jwk : claim, "n"));
  EVP_PKEY *key = modulus != NULL ? kg_x509_parse_public_key(public_key_info) : NULL;
  bool matches = modulus == NULL || (key != NULL && modulus_matches(modulus, key));
  EVP_PKEY_free(key);
  ERR_clear_error();
  return matches;
}

static const char *find_fault(const cJSON *claims, struct kg_span public_key_info, int64_t now, int64_t *expires) {
  *expires = get_time(claims, "exp");
  if (*expires && *expires <= now) return "has already expired by this machine's clock";
  if (get_time(claims, "nbf") > now + SKEW_S) return "is not yet valid by this machine's clock";
  if (!is_for_key(claims, public_key_info)) return "is for another key";
  return NULL;
}

enum kg_status kg_attestation_token_check(struct kg_span token, struct kg_span public_key_info, int64_t now,
                                          int64_t *expires, struct kg_error *error) {
  *expires = 0;
  if (is_blank(token)) return kg_error_set(error, KG_E_ATTESTATION_FAILED, "the attestation token is empty");
  struct parts parts;
  if (token.len > SIZE_LIMIT || !split(token, &parts))
    return kg_error_set(error, KG_E_ATTESTATION_FAILED, "what the attestation library returned is not a token");
  cJSON *claims = parse_claims(parts.payload);
  const char *fault = NULL;
  if (claims != NULL) fault = find_fault(claims, public_key_info, now, expires);
  cJSON_Delete(claims);
  return fault != NULL ? kg_error_set(error, KG_E_ATTESTATION_FAILED, "the attestation token %s", fault) : KG_OK;
}
