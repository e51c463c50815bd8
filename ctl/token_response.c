#include "ctl/token_response.h"

#include "core/base/encoding.h"
#include "core/base/json.h"
#include "ctl/refusal.h"
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

/* Alerts that blame the certificate (RFC 8446 section 6.2). Not handshake_failure, which says nothing, and not
 * access_denied, which is for a certificate that is good (docs/protocol.md 9.3). */
static bool alert_refuses_certificate(unsigned char alert) {
  static const unsigned char alerts[] = {SSL_AD_BAD_CERTIFICATE,     SSL_AD_UNSUPPORTED_CERTIFICATE,
                                         SSL_AD_CERTIFICATE_REVOKED, SSL_AD_CERTIFICATE_EXPIRED,
                                         SSL_AD_CERTIFICATE_UNKNOWN, SSL_AD_UNKNOWN_CA,
                                         SSL_AD_CERTIFICATE_REQUIRED};
  for (size_t i = 0; i < sizeof alerts; i++)
    if (alert == alerts[i]) return true;
  return false;
}

/* One row a code: whether a new certificate can help, for how long nobody asks again, and what people can do. A code
 * that is here decides, whatever OAuth error it comes with; what surfaces says what to do (docs/protocol.md 9.1). */
static const struct code {
  const char *aadsts;
  enum kg_token_remedy remedy;
  int wait_s;
  const char *advice;
} codes[] = {
    /* the certificate is to blame */
    {"AADSTS1000610", KG_REMEDY_REMINT_UNATTESTED, 0, NULL}, /* attestation token: time range */
    {"AADSTS1000611", KG_REMEDY_REMINT_UNATTESTED, 0, NULL}, /* issuer */
    {"AADSTS1000612", KG_REMEDY_REMINT_UNATTESTED, 0, NULL}, /* claim value */
    {"AADSTS1000613", KG_REMEDY_REMINT_UNATTESTED, 0, NULL}, /* jku */
    {"AADSTS1000614", KG_REMEDY_REMINT_UNATTESTED, 0, NULL}, /* signature */
    {"AADSTS1000901", KG_REMEDY_REMINT, 0, NULL},            /* past token_not_after; comes as invalid_request */
    {"AADSTS392204", KG_REMEDY_REMINT, 0, "the certificate has ended: look at this machine's clock and at the timer"},
    /* TLS, or how things were put together */
    {"AADSTS392200", KG_REMEDY_NONE, 0,
     "the service saw no client certificate: look for a proxy that ends TLS, and leave tls-max at 1.2"},
    {"AADSTS500181", KG_REMEDY_REPEAT, 0,
     "certificate and request do not belong together: a proxy may be reusing connections"},
    {"AADSTS50171", KG_REMEDY_NONE, 0, "the service takes this request over mutual TLS alone"},
    /* for people: no certificate changes it */
    {"AADSTS3921996", KG_REMEDY_NONE, 0, "the tenant may not have bound tokens yet: ask Microsoft to enrol it"},
    {"AADSTS392196", KG_REMEDY_NONE, 0, "the resource does not take bound tokens: it has to be enrolled for them"},
    {"AADSTS392189", KG_REMEDY_NONE, 0, "the service serves other kinds of clients at this address"},
    {"AADSTS51000", KG_REMEDY_NONE, 0, "mutual TLS is switched off for this application: its owner has to allow it"},
    {"AADSTS7000112", KG_REMEDY_NONE, 0, "the application is disabled: its owner has to enable it"},
    {"AADSTS70001", KG_REMEDY_NONE, 0, "the application is not in this tenant: its owner has to install it"},
    {"AADSTS700016", KG_REMEDY_NONE, 0,
     "the identity is not in this tenant: was it deleted, or made anew? Assign it to the machine again"},
    {"AADSTS500011", KG_REMEDY_NONE, 0, "the resource of --scope is not in this tenant: is its address right?"},
    {"AADSTS70011", KG_REMEDY_NONE, 0, "--scope is not one that the service knows"},
    {"AADSTS1002012", KG_REMEDY_NONE, 0, "--scope is not one that the service knows"},
    {"AADSTS90002", KG_REMEDY_NONE, 0, "the tenant is unknown to the service"},
    {"AADSTS900023", KG_REMEDY_NONE, 0, "the tenant is unknown to the service"},
    {"AADSTS90038", KG_REMEDY_NONE, 0, "the tenant is in another national cloud"},
    {"AADSTS900382", KG_REMEDY_NONE, 0, "the tenant is in another national cloud"},
    {"AADSTS900432", KG_REMEDY_NONE, 0, "the tenant is in another national cloud"},
    {"AADSTS100007", KG_REMEDY_NONE, 0, "the regional address does not serve this identity"},
    {"AADSTS53003", KG_REMEDY_NONE, 0, "Conditional Access forbids it: an administrator has to allow it"},
    {"AADSTS530032", KG_REMEDY_NONE, 0, "Conditional Access forbids it: an administrator has to allow it"},
    {"AADSTS70021", KG_REMEDY_NONE, 0, "no federated credential of the application matches"},
    {"AADSTS700211", KG_REMEDY_NONE, 0, "no federated credential of the application matches the issuer"},
    {"AADSTS700212", KG_REMEDY_NONE, 0, "no federated credential of the application matches the audience"},
    {"AADSTS700213", KG_REMEDY_NONE, 0, "no federated credential of the application matches the subject"},
    {"AADSTS700021", KG_REMEDY_NONE, 0, NULL}, /* assertion: its application is another */
    {"AADSTS700229", KG_REMEDY_NONE, 0, NULL}, /* it is no application's token */
    {"AADSTS700024", KG_REMEDY_NONE, 0, "look at this machine's clock"},
    {"AADSTS50027", KG_REMEDY_NONE, 0, NULL}, /* malformed */
    {"AADSTS90014", KG_REMEDY_NONE, 0, NULL}, /* a field is missing */
    {"AADSTS5002723", KG_REMEDY_NONE, 0, NULL},
    {"AADSTS5002738", KG_REMEDY_NONE, 0, NULL},
    /* it passes */
    {"AADSTS90006", KG_REMEDY_NONE, 0, NULL},
    {"AADSTS90012", KG_REMEDY_NONE, 0, NULL},
    {"AADSTS90024", KG_REMEDY_NONE, 0, NULL},
    {"AADSTS90033", KG_REMEDY_NONE, 0, NULL},
    {"AADSTS50033", KG_REMEDY_NONE, 0, NULL},
    {"AADSTS90055", KG_REMEDY_NONE, KG_WAIT_DEFAULT_S, "the tenant is throttled"},
    {"AADSTS50196", KG_REMEDY_NONE, KG_WAIT_DEFAULT_S,
     "the same request came too often: is something asking in a loop?"},
};
#define CODE_COUNT (sizeof codes / sizeof codes[0])

/* Of the federated codes 7002131 to 7002138 each says which part does not match, and all mean the same to us. */
static bool is_federated(const char *aadsts) {
  static const char head[] = "AADSTS700213";
  size_t len = sizeof head - 1;
  return strncmp(aadsts, head, len) == 0 && aadsts[len] >= '1' && aadsts[len] <= '8' && aadsts[len + 1] == '\0';
}

/* NULL: not a known one. */
static const struct code *find_code(const struct kg_error *error) {
  const char *wanted = is_federated(error->aadsts) ? "AADSTS70021" : error->aadsts;
  for (const struct code *code = codes; code < codes + CODE_COUNT; code++)
    if (strcmp(code->aadsts, wanted) == 0) return code;
  return NULL;
}

bool kg_token_died(const struct kg_error *error) {
  return error->status == KG_E_TRANSPORT &&
         (strcmp(error->sub_code, "connection_reset") == 0 || strcmp(error->sub_code, "connection_closed") == 0);
}

enum kg_token_remedy kg_token_remedy(const struct kg_error *error, unsigned char server_alert) {
  if (error->status == KG_E_TLS && alert_refuses_certificate(server_alert)) return KG_REMEDY_REMINT;
  if (kg_token_died(error)) return KG_REMEDY_REPEAT;
  if (error->status != KG_E_TOKEN_REJECTED) return KG_REMEDY_NONE;
  const struct code *code = find_code(error);
  if (code != NULL) return code->remedy;
  return strcmp(error->oauth_error, "invalid_client") == 0 ? KG_REMEDY_REMINT : KG_REMEDY_NONE;
}

int64_t kg_token_wait(const struct kg_error *error, int64_t retry_after_s) {
  if (error->status != KG_E_TOKEN_REJECTED) return 0;
  const struct code *code = find_code(error);
  int64_t wait = code != NULL ? code->wait_s : 0;
  if (error->http_status == 429 && retry_after_s <= 0) wait = KG_WAIT_DEFAULT_S;
  return retry_after_s > wait ? retry_after_s : wait;
}

void kg_token_advise(struct kg_error *error) {
  const struct code *code = find_code(error);
  if (code != NULL && code->advice != NULL) kg_error_append(error, "; %s", code->advice);
}
