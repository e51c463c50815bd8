/* A stand-in for AttestationClientLib, with its four functions (include/keyguard/attestation.h). The real one reports
 * on a KeyGuard key and asks Azure's attestation service for a token; this one lets the key sign a statement about
 * itself and asks the emulator's. The header x-fake-native-code in the service's answer becomes the return value, so
 * that a fault ordered at the emulator can bring about every code. How a key signs and the service is reached is the
 * platform's (fake_attestation_host.h).
 *
 * At level 3 it logs what it sends and gets, token and all, as a careless library might: callers must not keep that. */
#include "fake_attestation_host.h"

#include <cJSON.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef _WIN32
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

EXPORTED kg_init_attestation_lib InitAttestationLib;
EXPORTED kg_attest_key_guard_import_key AttestKeyGuardImportKey;
EXPORTED kg_free_attestation_token FreeAttestationToken;
EXPORTED kg_uninit_attestation_lib UninitAttestationLib;

static struct kg_attestation_log_info *logging; /* the caller's, until UninitAttestationLib */

void fake_log(enum fake_level level, const char *function, int line, const char *format, ...) {
  char text[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  logging->log(logging->context, "FakeAttestation", level, function, line, text);
}

int32_t InitAttestationLib(struct kg_attestation_log_info *log) {
  if (log == NULL || log->log == NULL) return KG_ATTESTATION_INVALID_INPUT; /* docs/protocol.md 5.1 */
  int32_t code = fake_host_start();
  if (code != KG_ATTESTATION_OK) return code;
  logging = log;
  FAKE_LOG(FAKE_INFORMATION, "Attestation library initialised");
  return KG_ATTESTATION_OK;
}

void UninitAttestationLib(void) {
  if (logging == NULL) return;
  logging = NULL;
  fake_host_stop();
}

void FreeAttestationToken(char *token) {
  free(token);
}

static bool add_encoded(cJSON *object, const char *name, const void *bytes, size_t len) {
  char *text = fake_host_base64(bytes, len);
  bool good = text != NULL && cJSON_AddStringToObject(object, name, text) != NULL;
  free(text);
  return good;
}

/* What the key says of itself; NULL for want of memory or of a key. */
static char *format_statement(kg_attestation_key_handle key, const char *client_id, cJSON *payload /* taken */) {
  static struct fake_bytes info; /* one call at a time is the callers' duty */
  unsigned char nonce[FAKE_NONCE] = {0};
  fake_host_nonce(nonce);
  cJSON *statement = cJSON_CreateObject();
  bool good = cJSON_AddItemToObject(statement, "client_payload", payload) && fake_host_public_key(key, &info) &&
              add_encoded(statement, "public_key", info.data, info.len) &&
              add_encoded(statement, "nonce", nonce, sizeof nonce) &&
              cJSON_AddNumberToObject(statement, "time", (double)time(NULL)) != NULL &&
              cJSON_AddStringToObject(statement, "client_id", client_id) != NULL;
  char *text = good ? cJSON_PrintUnformatted(statement) : NULL;
  cJSON_Delete(statement);
  return text;
}

static char *make_evidence(kg_attestation_key_handle key, const char *statement) {
  static struct fake_bytes signature;
  if (!fake_host_sign(key, statement, &signature)) {
    FAKE_LOG(FAKE_ERROR, "The key did not sign");
    return NULL;
  }
  cJSON *json = cJSON_CreateObject();
  char *text = NULL;
  if (add_encoded(json, "statement", statement, strlen(statement)) &&
      add_encoded(json, "signature", signature.data, signature.len))
    text = cJSON_PrintUnformatted(json);
  cJSON_Delete(json);
  return text;
}

static char *copy(const char *text) {
  char *out = malloc(strlen(text) + 1);
  return out != NULL ? strcpy(out, text) : NULL;
}

static int32_t read_refusal(const struct fake_reply *reply, const cJSON *json) {
  const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");
  const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "code"));
  const char *message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "message"));
  FAKE_LOG(FAKE_ERROR, "Attestation failed: HTTP %ld %s: %s", reply->status, code != NULL ? code : "",
           message != NULL ? message : "");
  return code != NULL && strcmp(code, "PolicyEvaluationError") == 0 ? KG_ATTESTATION_REJECTED
                                                                    : KG_ATTESTATION_HTTP_FAILED;
}

static int32_t read_token(const struct fake_reply *reply, char **token) {
  cJSON *json = reply->len > 0 ? cJSON_Parse(reply->body) : NULL;
  const cJSON *member = cJSON_GetObjectItemCaseSensitive(json, "token");
  int32_t code = KG_ATTESTATION_OK;
  if (reply->status != 200)
    code = read_refusal(reply, json);
  else if (reply->len == 0)
    code = KG_ATTESTATION_EMPTY_RESPONSE;
  else if (!cJSON_IsObject(json))
    code = KG_ATTESTATION_INVALID_JSON;
  else if (cJSON_IsString(member))
    *token = copy(member->valuestring);
  else if (!cJSON_IsNull(member)) /* null: success without a token, which callers must not take for one */
    code = KG_ATTESTATION_EMPTY_JWT;
  cJSON_Delete(json);
  return code;
}

static int32_t attest(kg_attestation_key_handle key, const char *endpoint, const char *client_id, cJSON *payload,
                      char **token) {
  struct fake_reply reply = {0};
  char *statement = format_statement(key, client_id, payload);
  char *evidence = statement != NULL ? make_evidence(key, statement) : NULL;
  int32_t code = evidence != NULL ? KG_ATTESTATION_OK : KG_ATTESTATION_REPORT_CREATION;
  if (code == KG_ATTESTATION_OK) {
    FAKE_LOG(FAKE_DEBUG, "Evidence: %s", evidence);
    code = fake_host_post(endpoint, evidence, &reply);
  }
  if (code == KG_ATTESTATION_OK) {
    FAKE_LOG(FAKE_DEBUG, "Answer: %s", reply.body != NULL ? reply.body : "");
    code = read_token(&reply, token);
  }
  if (reply.native_code != 0) {
    FAKE_LOG(FAKE_ERROR, "The service ordered code %d", (int)reply.native_code);
    code = reply.native_code;
  }
  free(reply.body);
  cJSON_free(evidence);
  cJSON_free(statement);
  return code;
}

static const char *find_bad_parameter(const char *endpoint, kg_attestation_key_handle key, char **token,
                                      const char *client_id) {
  if (endpoint == NULL || strncmp(endpoint, "https://", 8) != 0) return "endpoint";
  if (token == NULL) return "token";
  if (client_id == NULL || *client_id == '\0') return "client id";
  return fake_host_bad_key(key);
}

int32_t AttestKeyGuardImportKey(const char *endpoint, const char *auth_token, const char *client_payload,
                                kg_attestation_key_handle key, char **token, const char *client_id) {
  if (logging == NULL) return KG_ATTESTATION_CLIENT_INIT;
  fake_host_record(endpoint, auth_token, client_payload, client_id);
  const char *bad = find_bad_parameter(endpoint, key, token, client_id);
  if (bad != NULL) {
    FAKE_LOG(FAKE_ERROR, "Invalid parameter: %s", bad);
    return KG_ATTESTATION_INVALID_INPUT;
  }
  *token = NULL;
  if (auth_token != NULL && *auth_token != '\0')
    FAKE_LOG(FAKE_WARNING, "An authentication token was given; this service wants none");
  int32_t code = KG_ATTESTATION_OK;
  if (fake_host_ordered(token, &code)) return code;
  cJSON *payload = client_payload != NULL ? cJSON_Parse(client_payload) : NULL;
  if (!cJSON_IsObject(payload)) { /* the real one's words: docs/protocol.md 5.1 */
    FAKE_LOG(FAKE_ERROR, "Error parsing the client payload Json");
    cJSON_Delete(payload);
    return KG_ATTESTATION_INVALID_INPUT;
  }
  FAKE_LOG(FAKE_INFORMATION, "Attesting a key at %s", endpoint);
  code = attest(key, endpoint, client_id, payload, token);
  FAKE_LOG(FAKE_INFORMATION, "Attestation ended with %d", (int)code);
  return code;
}
