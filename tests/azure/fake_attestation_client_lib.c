/* A stand-in for AttestationClientLib, with its four functions (include/keyguard/attestation.h). The real one reports
 * on a KeyGuard key and asks Azure's attestation service for a token; this one lets the key sign a statement about
 * itself and asks the emulator's. The header x-fake-native-code in the service's answer becomes the return value, so
 * that a fault ordered at the emulator can bring about every code. AZURE_EMULATOR_CA names the CA to trust.
 *
 * At level 3 it logs what it sends and gets, token and all, as a careless library might: callers must not keep that. */
#include <keyguard/attestation.h>

#include <cJSON.h>
#include <curl/curl.h>
#include <gnutls/crypto.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#define EXPORTED __attribute__((visibility("default")))
#define PATH "/attest/keyguard?api-version=2023-04-01-preview" /* DOC/msi_v2/msi_with_credential_design.md */
#define TIMEOUT_MS 30000L

extern kg_init_attestation_lib EXPORTED InitAttestationLib;
extern kg_attest_key_guard_import_key EXPORTED AttestKeyGuardImportKey;
extern kg_free_attestation_token EXPORTED FreeAttestationToken;
extern kg_uninit_attestation_lib EXPORTED UninitAttestationLib;

static struct kg_attestation_log_info *logging; /* the caller's, until UninitAttestationLib */

#define LOG(level, ...)                                                                                                \
  do {                                                                                                                 \
    char line_[2048];                                                                                                  \
    snprintf(line_, sizeof line_, __VA_ARGS__);                                                                        \
    logging->log(logging->context, "FakeAttestation", (level), __func__, __LINE__, line_);                             \
  } while (0)
enum { ERROR, WARNING, INFORMATION, DEBUG };

int32_t InitAttestationLib(struct kg_attestation_log_info *log) {
  if (log == NULL || log->log == NULL) return KG_ATTESTATION_INVALID_INPUT; /* J/AttestationLibrary.java */
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return KG_ATTESTATION_CURL_INIT;
  logging = log;
  LOG(INFORMATION, "Attestation library initialised");
  return KG_ATTESTATION_OK;
}

void UninitAttestationLib(void) {
  if (logging == NULL) return;
  logging = NULL;
  curl_global_cleanup();
}

void FreeAttestationToken(char *token) {
  free(token);
}

static char *encode(const void *bytes, size_t len) {
  gnutls_datum_t in = {NULL, (unsigned)len};
  memcpy(&in.data, &(const void *){bytes}, sizeof in.data); /* GnuTLS has no const form; it only reads */
  gnutls_datum_t out = {NULL, 0};
  if (gnutls_base64_encode2(&in, &out) != 0) return NULL;
  char *text = malloc((size_t)out.size + 1);
  if (text != NULL) {
    memcpy(text, out.data, out.size);
    text[out.size] = '\0';
  }
  gnutls_free(out.data);
  return text;
}

static bool add_encoded(cJSON *object, const char *name, const void *bytes, size_t len) {
  char *text = encode(bytes, len);
  bool good = text != NULL && cJSON_AddStringToObject(object, name, text) != NULL;
  free(text);
  return good;
}

/* What the key says of itself; NULL for want of memory. */
static char *format_statement(const struct kg_attestation_key *key, const char *client_id, cJSON *payload /* taken */) {
  unsigned char nonce[16] = {0};
  cJSON *statement = cJSON_CreateObject();
  gnutls_rnd(GNUTLS_RND_NONCE, nonce, sizeof nonce);
  bool good = cJSON_AddItemToObject(statement, "client_payload", payload) &&
              add_encoded(statement, "public_key", key->public_key_info, key->public_key_info_len) &&
              add_encoded(statement, "nonce", nonce, sizeof nonce) &&
              cJSON_AddNumberToObject(statement, "time", (double)time(NULL)) != NULL &&
              cJSON_AddStringToObject(statement, "client_id", client_id) != NULL;
  char *text = good ? cJSON_PrintUnformatted(statement) : NULL;
  cJSON_Delete(statement);
  return text;
}

static int32_t sign_statement(const struct kg_attestation_key *key, const char *statement, unsigned char *signature) {
  unsigned char digest[32];
  if (gnutls_hash_fast(GNUTLS_DIG_SHA256, statement, strlen(statement), digest) != 0)
    return KG_ATTESTATION_REPORT_CREATION;
  if (key->sign_pss_sha256(key->context, digest, signature) == 0) return KG_ATTESTATION_OK;
  LOG(ERROR, "The key did not sign");
  return KG_ATTESTATION_REPORT_CREATION;
}

static int32_t make_evidence(const struct kg_attestation_key *key, const char *statement, char **evidence) {
  unsigned char *signature = calloc(1, key->signature_len);
  cJSON *json = cJSON_CreateObject();
  int32_t code =
      signature != NULL && json != NULL ? sign_statement(key, statement, signature) : KG_ATTESTATION_OUT_OF_MEMORY;
  if (code == KG_ATTESTATION_OK && add_encoded(json, "statement", statement, strlen(statement)) &&
      add_encoded(json, "signature", signature, key->signature_len))
    *evidence = cJSON_PrintUnformatted(json);
  if (code == KG_ATTESTATION_OK && *evidence == NULL) code = KG_ATTESTATION_OUT_OF_MEMORY;
  cJSON_Delete(json);
  free(signature);
  return code;
}

struct reply {
  long status;
  int32_t native_code; /* from the header; 0 if absent */
  char *body;
  size_t len;
};

static size_t take_body(char *data, size_t size, size_t count, void *context) {
  struct reply *reply = context;
  char *longer = realloc(reply->body, reply->len + count + 1);
  (void)size; /* always 1 */
  if (longer == NULL) return 0;
  reply->body = longer;
  memcpy(longer + reply->len, data, count);
  reply->len += count;
  longer[reply->len] = '\0';
  return count;
}

static size_t take_header(char *data, size_t size, size_t count, void *context) {
  static const char name[] = "x-fake-native-code:";
  struct reply *reply = context;
  (void)size;
  char value[16] = "";
  if (count > strlen(name) && count < strlen(name) + sizeof value && strncasecmp(data, name, strlen(name)) == 0) {
    memcpy(value, data + strlen(name), count - strlen(name));
    reply->native_code = (int32_t)strtol(value, NULL, 10);
  }
  return count;
}

static void set_options(CURL *curl, const char *url, const char *body, struct curl_slist *headers,
                        struct reply *reply) {
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
  curl_easy_setopt(curl, CURLOPT_CAINFO, getenv("AZURE_EMULATOR_CA"));
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, reply);
}

static int32_t post(const char *endpoint, const char *body, struct reply *reply) {
  size_t len = strlen(endpoint);
  while (len > 0 && endpoint[len - 1] == '/')
    len--;
  char url[1024];
  if (snprintf(url, sizeof url, "%.*s" PATH, (int)len, endpoint) >= (int)sizeof url) return KG_ATTESTATION_DNS_PARSE;
  struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
  CURL *curl = curl_easy_init();
  int32_t code = KG_ATTESTATION_CURL_INIT;
  if (curl != NULL && headers != NULL) {
    set_options(curl, url, body, headers, reply);
    CURLcode sent = curl_easy_perform(curl);
    if (sent != CURLE_OK) LOG(ERROR, "curl: %s", curl_easy_strerror(sent));
    code = sent == CURLE_OK ? KG_ATTESTATION_OK : KG_ATTESTATION_CURL_SEND;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
  }
  curl_easy_cleanup(curl);
  curl_slist_free_all(headers);
  return code;
}

static int32_t read_refusal(const struct reply *reply, const cJSON *json) {
  const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");
  const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "code"));
  const char *message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "message"));
  LOG(ERROR, "Attestation failed: HTTP %ld %s: %s", reply->status, code != NULL ? code : "",
      message != NULL ? message : "");
  return code != NULL && strcmp(code, "PolicyEvaluationError") == 0 ? KG_ATTESTATION_REJECTED
                                                                    : KG_ATTESTATION_HTTP_FAILED;
}

static int32_t read_token(const struct reply *reply, char **token) {
  cJSON *json = reply->body != NULL ? cJSON_Parse(reply->body) : NULL;
  const cJSON *member = cJSON_GetObjectItemCaseSensitive(json, "token");
  int32_t code = KG_ATTESTATION_OK;
  if (reply->status != 200)
    code = read_refusal(reply, json);
  else if (reply->body == NULL)
    code = KG_ATTESTATION_EMPTY_RESPONSE;
  else if (!cJSON_IsObject(json))
    code = KG_ATTESTATION_INVALID_JSON;
  else if (cJSON_IsString(member))
    *token = strdup(member->valuestring);
  else if (!cJSON_IsNull(member)) /* null: success without a token, which callers must not take for one */
    code = KG_ATTESTATION_EMPTY_JWT;
  cJSON_Delete(json);
  return code;
}

static int32_t attest(const struct kg_attestation_key *key, const char *endpoint, const char *client_id, cJSON *payload,
                      char **token) {
  char *statement = format_statement(key, client_id, payload), *evidence = NULL;
  struct reply reply = {0};
  int32_t code = statement != NULL ? make_evidence(key, statement, &evidence) : KG_ATTESTATION_OUT_OF_MEMORY;
  if (code == KG_ATTESTATION_OK) {
    LOG(DEBUG, "Evidence: %s", evidence);
    code = post(endpoint, evidence, &reply);
  }
  if (code == KG_ATTESTATION_OK) {
    LOG(DEBUG, "Answer: %s", reply.body != NULL ? reply.body : "");
    code = read_token(&reply, token);
  }
  if (reply.native_code) {
    LOG(ERROR, "The service ordered code %d", (int)reply.native_code);
    code = reply.native_code;
  }
  free(reply.body);
  cJSON_free(evidence);
  cJSON_free(statement);
  return code;
}

static const char *find_bad_parameter(const char *endpoint, const struct kg_attestation_key *key, char **token,
                                      const char *client_id) {
  if (endpoint == NULL || strncmp(endpoint, "https://", 8) != 0) return "endpoint";
  if (key == NULL || key->size != sizeof *key || key->public_key_info == NULL || key->sign_pss_sha256 == NULL)
    return "key handle";
  if (token == NULL) return "token";
  return client_id != NULL && *client_id ? NULL : "client id";
}

int32_t AttestKeyGuardImportKey(const char *endpoint, const char *auth_token, const char *client_payload,
                                kg_attestation_key_handle key, char **token, const char *client_id) {
  if (logging == NULL) return KG_ATTESTATION_CLIENT_INIT;
  const char *bad = find_bad_parameter(endpoint, (const struct kg_attestation_key *)key, token, client_id);
  if (bad != NULL) {
    LOG(ERROR, "Invalid parameter: %s", bad);
    return KG_ATTESTATION_INVALID_INPUT;
  }
  *token = NULL;
  if (auth_token != NULL && *auth_token) LOG(WARNING, "An authentication token was given; this service wants none");
  cJSON *payload = client_payload != NULL ? cJSON_Parse(client_payload) : NULL;
  if (!cJSON_IsObject(payload)) { /* NET#6022, word for word */
    LOG(ERROR, "Error parsing the client payload Json");
    cJSON_Delete(payload);
    return KG_ATTESTATION_INVALID_INPUT;
  }
  LOG(INFORMATION, "Attesting a key at %s", endpoint);
  int32_t code = attest((const struct kg_attestation_key *)key, endpoint, client_id, payload, token);
  LOG(INFORMATION, "Attestation ended with %d", (int)code);
  return code;
}
