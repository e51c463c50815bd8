#include "jwt_signer.h"
#include "service.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define AUDIENCE "https://vault.azure.net"

/* Key Vault's form. */
static bool refuse(struct az_request *request, struct az_answer *answer, const char *message) {
  char *challenge =
      az_text_format("mtls_pop authorization=\"%s/%s\", resource=\"" AUDIENCE "\"",
                     az_emulator_get_origin(request->emulator, AZ_ON_TOKEN), request->emulator->directory.tenant_id);
  cJSON *json = cJSON_CreateObject(), *error = cJSON_AddObjectToObject(json, "error");
  cJSON_AddStringToObject(error, "code", "Unauthorized");
  cJSON_AddStringToObject(error, "message", message);
  az_answer_set_json(answer, MHD_HTTP_UNAUTHORIZED, json);
  az_answer_set_header(answer, MHD_HTTP_HEADER_WWW_AUTHENTICATE, challenge);
  az_answer_set_reason(answer, message);
  free(challenge);
  return false;
}

/* The token behind the scheme, which is case-insensitive (RFC 9110 11.1); NULL if the scheme is another. */
static const char *get_token(const char *authorization) {
  static const char scheme[] = "mtls_pop ";
  if (strncasecmp(authorization, scheme, strlen(scheme)) != 0) return NULL;
  authorization += strlen(scheme);
  return authorization + strspn(authorization, " ");
}

static const char *find_problem(struct az_request *request, const cJSON *claims) {
  long now = (long)az_clock_now(&request->emulator->clock);
  const char *audience = az_fault_get_string(claims, "aud");
  const char *bound = az_fault_get_string(az_fault_get(claims, "cnf"), "x5t#S256");
  if (claims == NULL) return "The token's signature does not verify";
  if (now >= az_fault_get_number(claims, "exp", 0)) return "The token has expired";
  if (now < az_fault_get_number(claims, "nbf", now + 1)) return "The token is not valid yet";
  if (audience == NULL || (strcmp(audience, AUDIENCE) != 0 &&
                           strcmp(audience, az_emulator_get_origin(request->emulator, AZ_ON_RESOURCE)) != 0))
    return "The token is for another audience";
  if (bound == NULL) return "The token is bound to no certificate";
  if (strcmp(bound, request->peer.facts.thumbprint) != 0) /* AZNET#62752 */
    return "[MtlsCnfClaimRequestDataValidationFailed] The token is bound to another certificate";
  return NULL;
}

static bool check(struct az_request *request, struct az_answer *answer) {
  const char *authorization = az_request_get_header(request, MHD_HTTP_HEADER_AUTHORIZATION);
  const char *token = authorization != NULL ? get_token(authorization) : NULL;
  if (authorization == NULL) return refuse(request, answer, "Request is missing an Authorization header");
  if (token == NULL) return refuse(request, answer, "This resource accepts the scheme mtls_pop only");
  if (request->peer.certificate == NULL) /* IDWEB#3864 */
    return refuse(request, answer, "Client certificate required for using MTLS_POP token");
  cJSON *claims = az_jwt_verify(&request->emulator->authority.token, token, NULL);
  const char *problem = find_problem(request, claims);
  cJSON_Delete(claims);
  return problem != NULL ? refuse(request, answer, problem) : true;
}

/* IDWEB#3872: this header makes Key Vault ask for the certificate. */
static void ask_late(struct az_request *request) {
  const char *wanted = az_request_get_header(request, "x-ms-tokenboundauth");
  if (request->listener->mode->auth == AZ_AUTH_LATE && wanted != NULL && strcasecmp(wanted, "true") == 0)
    az_request_ask_certificate(request);
}

void az_resource_serve(struct az_request *request, struct az_answer *answer) {
  if (!az_answer_require_method(answer, request, "GET")) return;
  ask_late(request);
  if (!check(request, answer)) return;
  char *id = az_text_format("%s/secrets/demo", az_emulator_get_origin(request->emulator, AZ_ON_RESOURCE));
  cJSON *json = cJSON_CreateObject();
  cJSON_AddStringToObject(json, "value", "only for the holder of the key");
  cJSON_AddStringToObject(json, "id", id);
  az_answer_set_json(answer, MHD_HTTP_OK, json);
  free(id);
}
