#include "jwt_signer.h"
#include "secrets.h"
#include "service.h"

#include <gnutls/abstract.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

#define LIFETIME_S (8L * 3600)
#define EVIDENCE_AGE_S 300

/* What a key says of itself. The real evidence is a report of the trustlet that isolates the key, inside a library that
 * nobody may read; ours is {"statement": base64 of JSON, "signature": base64}, where the JSON names the public key and
 * the time, and the signature is the key's over the JSON's bytes: RSASSA-PSS, SHA-256, salt 32. */
struct evidence {
  gnutls_datum_t statement, signature;
  cJSON *body, *claims;
  gnutls_pubkey_t key;
};

static void evidence_clear(struct evidence *evidence) {
  gnutls_free(evidence->statement.data);
  gnutls_free(evidence->signature.data);
  cJSON_Delete(evidence->body);
  cJSON_Delete(evidence->claims);
  if (evidence->key != NULL) gnutls_pubkey_deinit(evidence->key);
}

static bool decode(const cJSON *object, const char *name, gnutls_datum_t *bytes) {
  const char *text = az_fault_get_string(object, name);
  return text != NULL && az_text_unbase64(text, bytes);
}

static bool import_key(struct evidence *evidence) {
  gnutls_datum_t der;
  if (!decode(evidence->claims, "public_key", &der)) return false;
  az_check(gnutls_pubkey_init(&evidence->key), "public key");
  unsigned bits;
  bool good = gnutls_pubkey_import(evidence->key, &der, GNUTLS_X509_FMT_DER) == 0 &&
              gnutls_pubkey_get_pk_algorithm(evidence->key, &bits) == GNUTLS_PK_RSA;
  gnutls_free(der.data);
  return good;
}

static const char *evidence_read(struct evidence *evidence, const struct az_request *request) {
  evidence->body = cJSON_Parse(request->body);
  if (!decode(evidence->body, "statement", &evidence->statement) ||
      !decode(evidence->body, "signature", &evidence->signature))
    return "The body is not a statement and its signature";
  evidence->claims = cJSON_ParseWithLength((const char *)evidence->statement.data, evidence->statement.size);
  if (!cJSON_IsObject(evidence->claims)) return "The statement is not a JSON object";
  if (!import_key(evidence)) return "The statement's public key is not an RSA key";
  if (gnutls_pubkey_verify_data2(evidence->key, GNUTLS_SIGN_RSA_PSS_RSAE_SHA256, 0, &evidence->statement,
                                 &evidence->signature) < 0)
    return "The statement is not signed by its key";
  if (!cJSON_IsObject(az_fault_get(evidence->claims, "client_payload"))) return "The client payload is not an object";
  /* against the machine's clock: evidence and service live on one machine here, whatever time the cloud plays */
  long age = (long)time(NULL) - az_fault_get_number(evidence->claims, "time", 0);
  return labs(age) > EVIDENCE_AGE_S ? "The statement is not fresh" : NULL;
}

/* The form in which the attestation service of Azure refuses (NET#6079 shows PolicyEvaluationError). */
static void refuse(struct az_answer *answer, const char *message) {
  cJSON *json = cJSON_CreateObject(), *error = cJSON_AddObjectToObject(json, "error");
  cJSON_AddStringToObject(error, "code", "InvalidParameter");
  cJSON_AddStringToObject(error, "message", message);
  az_answer_set_json(answer, MHD_HTTP_BAD_REQUEST, json);
  az_answer_set_reason(answer, message);
}

static cJSON *format_key(struct az_request *request, gnutls_pubkey_t key) {
  if (!az_fault_is(request->fault, "wrong_key")) return az_jwt_format_key(key);
  gnutls_pubkey_t other;
  az_check(gnutls_pubkey_init(&other), "public key");
  az_check(gnutls_pubkey_import_x509(other, request->emulator->authority.server.certificate, 0), "public key");
  cJSON *jwk = az_jwt_format_key(other);
  gnutls_pubkey_deinit(other);
  return jwk;
}

static char *make_token(struct az_request *request, gnutls_pubkey_t key) {
  struct az_emulator *emulator = request->emulator;
  const char *origin = az_emulator_get_origin(emulator, AZ_ON_ATTESTATION);
  double now = (double)az_clock_now(&emulator->clock);
  double start = now + (double)az_fault_get_number(request->fault, "not_before_s", 0);
  char id[AZ_GUID_SIZE], *key_url = az_text_format("%s/certs", origin);
  cJSON *claims = cJSON_CreateObject();
  az_text_guid(id);
  cJSON_AddStringToObject(claims, "iss", origin);
  cJSON_AddStringToObject(claims, "jti", id);
  cJSON_AddNumberToObject(claims, "iat", start);
  cJSON_AddNumberToObject(claims, "nbf", start);
  cJSON_AddNumberToObject(claims, "exp", now + (double)az_fault_get_number(request->fault, "validity_s", LIFETIME_S));
  cJSON_AddStringToObject(claims, "x-ms-ver", "1.0");
  cJSON_AddStringToObject(claims, "x-ms-attestation-type", "keyguard");
  cJSON_AddItemToObject(claims, "x-ms-tpm-request-key", format_key(request, key));
  az_fault_override(claims, request->fault, "claims");
  bool wrong = az_fault_is(request->fault, "wrong_signature");
  char *token = az_jwt_sign(wrong ? &emulator->authority.token : &emulator->authority.attestation, claims, key_url);
  cJSON_Delete(claims);
  free(key_url);
  return token;
}

void az_attestation_serve(struct az_request *request, struct az_answer *answer) {
  if (!az_answer_require_method(answer, request, "POST")) return;
  struct evidence evidence = {0};
  const char *problem = evidence_read(&evidence, request);
  if (problem != NULL) {
    refuse(answer, problem);
  } else {
    char *token = make_token(request, evidence.key);
    cJSON *json = cJSON_CreateObject();
    cJSON_AddStringToObject(json, "token", token);
    az_secrets_note(request->emulator, "attestation_token", token);
    az_answer_set_json(answer, MHD_HTTP_OK, json);
    free(token);
  }
  evidence_clear(&evidence);
}

void az_attestation_serve_keys(struct az_request *request, struct az_answer *answer) {
  if (!az_answer_require_method(answer, request, "GET")) return;
  az_answer_set_json(answer, MHD_HTTP_OK, az_jwt_format_key_set(&request->emulator->authority.attestation));
}
