#include "jwt_signer.h"
#include "oauth.h"
#include "secrets.h"

#include <gnutls/crypto.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#define SUFFIX "/oauth2/v2.0/token"
#define DEFAULT_SCOPE "/.default"

struct exchange { /* one request's */
  struct az_request *request;
  struct az_answer *answer;
  cJSON *form;
};

static const char *get_field(const struct exchange *exchange, const char *name) {
  return az_fault_get_string(exchange->form, name);
}

static bool invalid_request(struct exchange *exchange, long code, const char *what) {
  az_oauth_refuse(exchange->request, exchange->answer, MHD_HTTP_BAD_REQUEST, "invalid_request", code, "%s", what);
  return false;
}

static bool invalid_client(struct exchange *exchange, long code, const char *what) {
  az_oauth_refuse(exchange->request, exchange->answer, MHD_HTTP_UNAUTHORIZED, "invalid_client", code, "%s", what);
  return false;
}

/* Codes: 392200, 392204, 700021 and 700024 are in MSAL's samples of this very service (REC); 1000901 is
 * docs/protocol.md 9.1; 700027 for a foreign issuer is a guess, no sample was found. */
static bool check_certificate(struct exchange *exchange) {
  struct az_emulator *emulator = exchange->request->emulator;
  const struct az_peer *peer = &exchange->request->peer;
  time_t now = az_clock_now(&emulator->clock);
  if (peer->certificate == NULL)
    return invalid_request(exchange, 392200, "Client certificate is missing from the request.");
  const char *problem = az_authority_check_client(&emulator->authority, peer->certificate);
  if (problem != NULL) return invalid_client(exchange, 700027, problem);
  if (now > peer->facts.not_after)
    return invalid_client(exchange, 392204, "The provided client certificate has expired.");
  if (now < peer->facts.not_before)
    return invalid_client(exchange, 700024, "The provided client certificate is not within its valid time range.");
  if (peer->facts.token_not_after && now > peer->facts.token_not_after)
    return invalid_request(exchange, 1000901, "The certificate is past its token_not_after time.");
  return true;
}

static bool check_tenant(struct exchange *exchange) {
  const struct az_request *request = exchange->request;
  const char *tenant = request->emulator->directory.tenant_id;
  size_t len = strlen(tenant);
  if (strlen(request->path) != 1 + len + strlen(SUFFIX) || strncmp(request->path + 1, tenant, len) != 0)
    return invalid_request(exchange, 90002, "Tenant of the request's path not found.");
  if (strcmp(request->peer.facts.tenant_id, tenant) != 0)
    return invalid_client(exchange, 90002, "The certificate's DC is not the tenant.");
  return true;
}

static bool check_client(struct exchange *exchange) {
  const char *client = get_field(exchange, "client_id");
  if (client == NULL)
    return invalid_request(exchange, 900144, "The request body must contain the following parameter: 'client_id'.");
  if (strcmp(client, exchange->request->peer.facts.client_id) != 0) /* 700021 in REC's words */
    return invalid_client(exchange, 700021, "Client certificate's identifier doesn't match 'client_id' parameter.");
  if (az_directory_find(&exchange->request->emulator->directory, "client_id", client) == NULL)
    return invalid_client(exchange, 700016, "Application with this identifier was not found in the directory.");
  return true;
}

static bool check_no_assertion(struct exchange *exchange) {
  static const char *const forbidden[] = {"client_secret", "client_assertion", "client_assertion_type", NULL};
  for (const char *const *name = forbidden; *name != NULL; name++)
    if (get_field(exchange, *name) != NULL)
      return invalid_request(exchange, 90023, "The certificate of the connection is the only credential allowed.");
  return true;
}

static bool check_grant(struct exchange *exchange) {
  const char *grant = get_field(exchange, "grant_type"), *type = get_field(exchange, "token_type");
  if (grant == NULL)
    return invalid_request(exchange, 900144, "The request body must contain the following parameter: 'grant_type'.");
  if (strcmp(grant, "client_credentials") != 0) {
    az_oauth_refuse(exchange->request, exchange->answer, MHD_HTTP_BAD_REQUEST, "unsupported_grant_type", 70003,
                    "The app requested an unsupported grant type.");
    return false;
  }
  if (type == NULL || (strcmp(type, "mtls_pop") != 0 && strcmp(type, "bearer") != 0)) /* GO */
    return invalid_request(exchange, 90023, "token_type must be mtls_pop or bearer.");
  return true;
}

static bool check_scope(struct exchange *exchange) {
  const char *scope = get_field(exchange, "scope");
  size_t len = scope != NULL ? strlen(scope) : 0, suffix = strlen(DEFAULT_SCOPE);
  if (len > suffix && strcmp(scope + len - suffix, DEFAULT_SCOPE) == 0 && strchr(scope, ' ') == NULL) return true;
  az_oauth_refuse(exchange->request, exchange->answer, MHD_HTTP_BAD_REQUEST, "invalid_scope", 1002012,
                  "The provided value for scope is not valid. Client credential flows must have a scope value with "
                  "/.default suffixed to the resource identifier (application ID URI).");
  return false;
}

static bool check_claims(struct exchange *exchange) {
  const char *text = get_field(exchange, "claims");
  if (text == NULL) return true;
  cJSON *claims = cJSON_Parse(text);
  bool good = cJSON_IsObject(claims);
  cJSON_Delete(claims);
  return good || invalid_request(exchange, 90023, "claims is not a JSON object.");
}

static void add_confirmation(struct exchange *exchange, cJSON *claims) {
  const char *thumbprint = exchange->request->peer.facts.thumbprint;
  const char *spoilt = az_fault_get_string(exchange->request->fault, "cnf");
  if (spoilt != NULL && strcmp(spoilt, "none") == 0) return;
  char other[AZ_THUMBPRINT_SIZE];
  if (spoilt != NULL) {
    az_text_thumbprint(&(gnutls_datum_t){(unsigned char *)other, 0}, other);
    thumbprint = other; /* that of nothing */
  }
  cJSON_AddStringToObject(cJSON_AddObjectToObject(claims, "cnf"), "x5t#S256", thumbprint);
}

static cJSON *make_claims(struct exchange *exchange, long lifetime) {
  struct az_request *request = exchange->request;
  const char *client = get_field(exchange, "client_id"), *scope = get_field(exchange, "scope");
  const struct az_identity *identity = az_directory_find(&request->emulator->directory, "client_id", client);
  double now = (double)az_clock_now(&request->emulator->clock);
  char id[AZ_GUID_SIZE];
  az_text_guid(id);
  char *audience = az_text_format("%.*s", (int)(strlen(scope) - strlen(DEFAULT_SCOPE)), scope);
  char *issuer = az_text_format("%s/%s/v2.0", az_emulator_get_origin(request->emulator, AZ_ON_TOKEN),
                                request->emulator->directory.tenant_id);
  cJSON *claims = cJSON_CreateObject();
  cJSON_AddStringToObject(claims, "aud", audience);
  cJSON_AddStringToObject(claims, "iss", issuer);
  cJSON_AddNumberToObject(claims, "iat", now);
  cJSON_AddNumberToObject(claims, "nbf", now);
  cJSON_AddNumberToObject(claims, "exp", now + (double)az_fault_get_number(request->fault, "validity_s", lifetime));
  cJSON_AddStringToObject(claims, "appid", client);
  cJSON_AddStringToObject(claims, "oid", identity->object_id);
  cJSON_AddStringToObject(claims, "tid", request->emulator->directory.tenant_id);
  cJSON_AddStringToObject(claims, "uti", id);
  cJSON_AddStringToObject(claims, "appidacr", "2"); /* GO610 guide, as xms_tbflags */
  free(audience);
  free(issuer);
  return claims;
}

static void issue(struct exchange *exchange) {
  struct az_request *request = exchange->request;
  struct az_authority *authority = &request->emulator->authority;
  struct az_settings settings = az_emulator_get_settings(request->emulator);
  bool bound = strcmp(get_field(exchange, "token_type"), "mtls_pop") == 0;
  const char *type = az_fault_get_string(request->fault, "token_type");
  cJSON *claims = make_claims(exchange, settings.expires_in), *json = cJSON_CreateObject();
  if (bound) {
    cJSON_AddNumberToObject(claims, "xms_tbflags", 2);
    add_confirmation(exchange, claims);
  }
  az_fault_override(claims, request->fault, "claims");
  bool wrong = az_fault_is(request->fault, "wrong_signature");
  char *token = az_jwt_sign(wrong ? &authority->attestation : &authority->token, claims, NULL);
  cJSON_AddStringToObject(json, "token_type", type != NULL ? type : bound ? "mtls_pop" : "Bearer");
  if (settings.expires_in_string) {
    char *seconds = az_text_format("%ld", settings.expires_in);
    cJSON_AddStringToObject(json, "expires_in", seconds);
    free(seconds);
  } else {
    cJSON_AddNumberToObject(json, "expires_in", (double)settings.expires_in);
  }
  cJSON_AddStringToObject(json, "access_token", token);
  az_secrets_note(request->emulator, "access_token", token);
  az_answer_set_json(exchange->answer, MHD_HTTP_OK, json);
  cJSON_Delete(claims);
  free(token);
}

/* The values that are no secrets; of anything else only that it was there. */
static void note_form(struct az_request *request, const cJSON *form) {
  static const char *const open[] = {"client_id", "grant_type", "scope", "token_type", "claims", NULL};
  cJSON *fact = cJSON_AddObjectToObject(request->facts, "form");
  for (const cJSON *field = form != NULL ? form->child : NULL; field != NULL; field = field->next) {
    const char *value = "(present)";
    for (const char *const *name = open; *name != NULL; name++)
      if (strcmp(*name, field->string) == 0) value = field->valuestring;
    cJSON_AddStringToObject(fact, field->string, value);
  }
}

void az_token_serve(struct az_request *request, struct az_answer *answer) {
  const cJSON *ordered = az_fault_get(request->fault, "oauth_error");
  az_oauth_set_headers(request, answer);
  if (!az_answer_require_method(answer, request, "POST")) return;
  if (request->listener->mode->auth == AZ_AUTH_LATE) az_request_ask_certificate(request);
  struct exchange exchange = {request, answer, NULL};
  exchange.form = az_request_parse_form(request);
  note_form(request, exchange.form);
  if (ordered != NULL)
    az_oauth_refuse_by_fault(request, answer, ordered);
  else if (exchange.form == NULL)
    invalid_request(&exchange, 900144, "The request body must be a form with each parameter once.");
  else if (check_grant(&exchange) && check_no_assertion(&exchange) && check_scope(&exchange) &&
           check_claims(&exchange) && check_certificate(&exchange) && check_tenant(&exchange) &&
           check_client(&exchange))
    issue(&exchange);
  cJSON_Delete(exchange.form);
}

void az_token_serve_keys(struct az_request *request, struct az_answer *answer) {
  if (!az_answer_require_method(answer, request, "GET")) return;
  az_answer_set_json(answer, MHD_HTTP_OK, az_jwt_format_key_set(&request->emulator->authority.token));
}
