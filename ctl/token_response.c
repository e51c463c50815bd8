#include "ctl/token_response.h"

#include "core/base/encoding.h"
#include "core/base/json.h"
#include "wire/answer.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THUMBPRINT_CLAIM "x5t#S256" /* RFC 8705 section 3.1 */

static enum kg_status check_type(const cJSON *answer, enum kg_token_type type, struct kg_error *error) {
  const char *text = NULL, *wanted = kg_token_type_name(type);
  if (kg_json_require_string(answer, "token_type", KG_E_TOKEN_TYPE_MISSING, &text, error) != KG_OK)
    return kg_error_prefix(error, KG_E_TOKEN_TYPE_MISSING, "token answer");
  size_t len = strlen(wanted), same = 0; /* MIC/OAuth2/TokenClient.cs compares without case */
  while (same < len && (text[same] | 0x20) == (wanted[same] | 0x20))
    same++;
  if (same == len && text[len] == 0) return KG_OK;
  return kg_error_set(error, KG_E_TOKEN_TYPE_MISMATCH, "token answer: token_type is '%.32s', and %s was asked for",
                      text, wanted);
}

static enum kg_status read_life(const cJSON *answer, struct kg_token *out, struct kg_error *error) {
  enum kg_status status = kg_json_require_int(answer, "expires_in", KG_E_TOKEN_INVALID, &out->expires_in, error);
  if (status == KG_OK)
    status = kg_json_optional_int(answer, "refresh_in", 0, KG_E_TOKEN_INVALID, &out->refresh_in, error);
  if (status != KG_OK) return kg_error_prefix(error, status, "token answer");
  if (out->expires_in > 0) return KG_OK;
  return kg_error_set(error, KG_E_TOKEN_INVALID, "token answer: expires_in is not above 0");
}

/* The payload of a JWT (RFC 7519 section 3): the second of three parts. */
static cJSON *parse_payload(const char *token, struct kg_error *error) {
  const char *first = strchr(token, '.'), *second = first != NULL ? strchr(first + 1, '.') : NULL;
  struct kg_buf payload = {0};
  cJSON *claims = NULL;
  if (second == NULL || strchr(second + 1, '.') != NULL ||
      kg_base64url_parse(kg_span_of(first + 1, (size_t)(second - first - 1)), &payload) != KG_OK)
    (void)kg_error_set(error, KG_E_TOKEN_INVALID, "access token: not a JWT, so that its binding cannot be checked");
  else if ((claims = kg_json_parse(kg_buf_span(&payload), KG_E_TOKEN_INVALID, error)) == NULL)
    (void)kg_error_prefix(error, KG_E_TOKEN_INVALID, "access token: claims");
  kg_buf_clear(&payload);
  return claims;
}

static enum kg_status check_claim(const cJSON *claims, const char *expected, struct kg_error *error) {
  const cJSON *cnf = cJSON_GetObjectItemCaseSensitive(claims, "cnf");
  if (!cJSON_IsObject(cnf))
    return kg_error_set(error, KG_E_TOKEN_INVALID,
                        "access token: it has no cnf claim: it is not bound to a certificate");
  const char *thumbprint = NULL;
  if (kg_json_require_string(cnf, THUMBPRINT_CLAIM, KG_E_TOKEN_INVALID, &thumbprint, error) != KG_OK)
    return kg_error_prefix(error, KG_E_TOKEN_INVALID, "access token: cnf");
  if (strcmp(thumbprint, expected) == 0) return KG_OK;
  return kg_error_set(error, KG_E_TOKEN_INVALID, "access token: it is bound to another certificate than ours (%s)",
                      expected);
}

enum kg_status kg_token_check_bound(const char *token, enum kg_token_type type, const struct kg_binding *binding,
                                    struct kg_error *error) {
  if (type != KG_TOKEN_MTLS_POP) return KG_OK;
  char *expected = kg_base64url_format(kg_span_of(binding->sha256, sizeof binding->sha256));
  if (expected == NULL) return kg_error_no_memory(error, "for a thumbprint");
  cJSON *claims = parse_payload(token, error);
  enum kg_status status = claims != NULL ? check_claim(claims, expected, error) : KG_E_TOKEN_INVALID;
  cJSON_Delete(claims);
  free(expected);
  return status;
}

/* RFC 6750 section 2.1: what may stand behind a scheme in a header; so no line of ours can be broken up by a token. */
static bool is_token_text(const char *text) {
  for (; *text; text++)
    if ((unsigned char)*text <= 0x20 || (unsigned char)*text >= 0x7F) return false;
  return true;
}

static enum kg_status read_success(const cJSON *answer, enum kg_token_type type, const struct kg_binding *binding,
                                   struct kg_token *out, struct kg_error *error) {
  const char *token = NULL;
  if (kg_json_require_string(answer, "access_token", KG_E_TOKEN_INVALID, &token, error) != KG_OK)
    return kg_error_prefix(error, KG_E_TOKEN_INVALID, "token answer");
  if (!is_token_text(token)) return kg_error_set(error, KG_E_TOKEN_INVALID, "access token: it holds blanks");
  enum kg_status status = check_type(answer, type, error);
  if (status == KG_OK) status = read_life(answer, out, error);
  if (status == KG_OK) status = kg_token_check_bound(token, type, binding, error);
  if (status != KG_OK) return status;
  return kg_buf_set(&out->access_token, kg_span_text(token)) == KG_OK ? KG_OK
                                                                      : kg_error_no_memory(error, "for a token");
}

static enum kg_status read_refusal(const struct kg_http_response *response, struct kg_error *error) {
  enum kg_status status = kg_answer_error(KG_E_TOKEN_REJECTED, "token service", response, error);
  if (response->status >= 300 && response->status < 400)
    kg_error_append(error, "; a redirect, which is never followed: the certificate is for this address");
  if (response->retry_after_s >= 0)
    kg_error_append(error, "; it asks to wait %lld s", (long long)response->retry_after_s);
  kg_token_advise(error);
  return status;
}

enum kg_status kg_token_response_read(const struct kg_http_response *response, enum kg_token_type type,
                                      const struct kg_binding *binding, struct kg_token *out, struct kg_error *error) {
  *out = (struct kg_token){0};
  if (response->status != 200) return read_refusal(response, error);
  struct kg_error own = {0};
  cJSON *answer = kg_json_parse(kg_buf_span(&response->body), KG_E_TOKEN_INVALID, &own);
  enum kg_status status = answer != NULL ? read_success(answer, type, binding, out, &own)
                                         : kg_error_prefix(&own, KG_E_TOKEN_INVALID, "token answer");
  kg_json_clear(&answer);
  if (status != KG_OK) {
    kg_token_clear(out);
    own.http_status = response->status;
    return kg_error_copy(error, &own);
  }
  return KG_OK;
}

void kg_token_clear(struct kg_token *token) {
  kg_buf_clear(&token->access_token);
  *token = (struct kg_token){0};
}

/* Alerts with which a peer refuses a certificate (docs/protocol.md 9.3, RFC 8446 section 6.2). */
static bool alert_refuses_certificate(unsigned char alert) {
  static const unsigned char alerts[] = {
      SSL_AD_HANDSHAKE_FAILURE,   SSL_AD_BAD_CERTIFICATE,     SSL_AD_UNSUPPORTED_CERTIFICATE,
      SSL_AD_CERTIFICATE_REVOKED, SSL_AD_CERTIFICATE_EXPIRED, SSL_AD_CERTIFICATE_UNKNOWN,
      SSL_AD_UNKNOWN_CA,          SSL_AD_ACCESS_DENIED,       SSL_AD_CERTIFICATE_REQUIRED};
  for (size_t i = 0; i < sizeof alerts; i++)
    if (alert == alerts[i]) return true;
  return false;
}

/* Codes of docs/protocol.md 9.1; what surfaces says what to do. */
static const struct {
  const char *aadsts;
  enum kg_token_remedy remedy;
  const char *advice;
} codes[] = {
    {"AADSTS1000610", KG_REMEDY_REMINT_UNATTESTED, NULL}, /* attestation token: time range */
    {"AADSTS1000611", KG_REMEDY_REMINT_UNATTESTED, NULL}, /* issuer */
    {"AADSTS1000612", KG_REMEDY_REMINT_UNATTESTED, NULL}, /* claim value */
    {"AADSTS1000613", KG_REMEDY_REMINT_UNATTESTED, NULL}, /* jku */
    {"AADSTS1000614", KG_REMEDY_REMINT_UNATTESTED, NULL}, /* signature */
    {"AADSTS1000901", KG_REMEDY_REMINT, NULL},            /* past token_not_after; comes as invalid_request */
    {"AADSTS392196", KG_REMEDY_NONE, "the resource does not take bound tokens: it has to be enrolled for them"},
    {"AADSTS392200", KG_REMEDY_NONE,
     "the service saw no client certificate: look for a proxy that ends TLS, and leave tls-max at 1.2"},
    {"AADSTS500181", KG_REMEDY_REPEAT,
     "certificate and request do not belong together: a proxy may be reusing connections"},
    {"AADSTS51000", KG_REMEDY_NONE, "mutual TLS is switched off for this application: its owner has to allow it"},
};
#define CODE_COUNT (sizeof codes / sizeof codes[0])

static size_t find_code(const struct kg_error *error) {
  size_t i = 0;
  while (i < CODE_COUNT && strcmp(codes[i].aadsts, error->aadsts) != 0)
    i++;
  return i;
}

enum kg_token_remedy kg_token_remedy(const struct kg_error *error, unsigned char server_alert) {
  size_t code = find_code(error);
  if (error->status == KG_E_TLS && alert_refuses_certificate(server_alert)) return KG_REMEDY_REMINT;
  if (error->status == KG_E_TRANSPORT && strcmp(error->sub_code, "connection_reset") == 0) return KG_REMEDY_REMINT;
  if (error->status != KG_E_TOKEN_REJECTED) return KG_REMEDY_NONE;
  if (code < CODE_COUNT) return codes[code].remedy;
  return strcmp(error->oauth_error, "invalid_client") == 0 ? KG_REMEDY_REMINT : KG_REMEDY_NONE;
}

void kg_token_advise(struct kg_error *error) {
  size_t code = find_code(error);
  if (code < CODE_COUNT && codes[code].advice != NULL) kg_error_append(error, "; %s", codes[code].advice);
}
