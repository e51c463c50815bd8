/* A stand-in for AttestationClientLib.dll, with its four functions (include/keyguard/attestation.h). The real one has
 * the machine attest a KeyGuard key; this one takes the key's NCRYPT_KEY_HANDLE, wants "Virtual Iso" to be set, lets
 * the key sign a statement about itself, and asks the Azure emulator for a token, over WinHTTP.
 *
 *   FAKE_ATTESTATION_INIT   what InitAttestationLib returns, e.g. -35
 *   FAKE_ATTESTATION_CODE   what AttestKeyGuardImportKey returns, without asking anybody
 *   FAKE_ATTESTATION_TOKEN  the token to return then ("NULL": none), without asking anybody
 *   FAKE_ATTESTATION_LOG    file to append each call to, with its arguments
 * The service's header x-fake-native-code becomes the return value, as with the fake for Linux. It trusts any server:
 * a fake protects nothing. At level 3 it logs what it gets, token and all, as a careless library might. */
#include <keyguard/attestation.h>

#include <cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <windows.h>

#include <bcrypt.h>
#include <ncrypt.h>
#include <wincrypt.h>
#include <winhttp.h>

#define EXPORTED __declspec(dllexport)
#define REQUEST L"/attest/keyguard?api-version=2023-04-01-preview" /* DOC/msi_v2/msi_with_credential_design.md */

EXPORTED kg_init_attestation_lib InitAttestationLib;
EXPORTED kg_attest_key_guard_import_key AttestKeyGuardImportKey;
EXPORTED kg_free_attestation_token FreeAttestationToken;
EXPORTED kg_uninit_attestation_lib UninitAttestationLib;

static struct kg_attestation_log_info *logging; /* the caller's, until UninitAttestationLib */

enum { ERROR_LEVEL, WARNING_LEVEL, INFORMATION_LEVEL, DEBUG_LEVEL };

static void say(int level, const char *function, const char *text) {
  logging->log(logging->context, "FakeAttestation", level, function, 0, text);
}

/* --- environment -------------------------------------------------------------------------------------------------- */

static const char *variable(const char *name, char *buffer, DWORD size) {
  DWORD length = GetEnvironmentVariableA(name, buffer, size);
  buffer[length < size ? length : 0] = '\0';
  return length > 0 || GetLastError() != ERROR_ENVVAR_NOT_FOUND ? buffer : NULL;
}

static int32_t code_of(const char *name) {
  SetLastError(0);
  char text[16];
  return variable(name, text, sizeof text) != NULL ? (int32_t)strtol(text, NULL, 10) : 0;
}

static void record(const char *endpoint, const char *auth_token, const char *payload, const char *client_id) {
  SetLastError(0);
  char path[MAX_PATH];
  FILE *file = variable("FAKE_ATTESTATION_LOG", path, sizeof path) != NULL ? fopen(path, "a") : NULL;
  if (file == NULL) return;
  fprintf(file, "%s|%s|%s|%s\n", endpoint != NULL ? endpoint : "NULL", auth_token != NULL ? auth_token : "NULL",
          payload != NULL ? payload : "NULL", client_id != NULL ? client_id : "NULL");
  fclose(file);
}

/* --- evidence ----------------------------------------------------------------------------------------------------- */

static char *encode(const unsigned char *bytes, size_t length) {
  DWORD size = 0, flags = CRYPT_STRING_BASE64 | CRYPT_STRING_NOCRLF;
  if (!CryptBinaryToStringA(bytes, (DWORD)length, flags, NULL, &size)) return NULL;
  char *text = calloc(1, size + 1);
  if (text != NULL) CryptBinaryToStringA(bytes, (DWORD)length, flags, text, &size);
  return text;
}

static bool add_encoded(cJSON *object, const char *name, const unsigned char *bytes, size_t length) {
  char *text = encode(bytes, length);
  bool good = text != NULL && cJSON_AddStringToObject(object, name, text) != NULL;
  free(text);
  return good;
}

/* The RSAPUBLICBLOB of NCrypt in the form that CryptoAPI's encoder takes: little-endian, with its own head. */
static bool encode_key(const unsigned char *blob, DWORD size, unsigned char *out, DWORD *out_size) {
  struct {
    BLOBHEADER head;
    RSAPUBKEY key;
    unsigned char modulus[512];
  } csp = {{PUBLICKEYBLOB, CUR_BLOB_VERSION, 0, CALG_RSA_KEYX}, {0x31415352, 0, 0}, {0}};
  CERT_PUBLIC_KEY_INFO info;
  unsigned char pkcs1[1024];
  char oid[] = szOID_RSA_RSA;
  DWORD pkcs1_size = sizeof pkcs1;
  memset(&info, 0, sizeof info);
  BCRYPT_RSAKEY_BLOB from;
  memcpy(&from, blob, sizeof from);
  if (size < sizeof from || from.cbModulus > sizeof csp.modulus || from.cbPublicExp > 4) return false;
  csp.key.bitlen = from.BitLength;
  for (DWORD i = 0; i < from.cbPublicExp; i++)
    csp.key.pubexp = csp.key.pubexp << 8 | blob[sizeof from + i];
  for (DWORD i = 0; i < from.cbModulus; i++)
    csp.modulus[i] = blob[sizeof from + from.cbPublicExp + from.cbModulus - 1 - i];
  if (!CryptEncodeObject(X509_ASN_ENCODING, RSA_CSP_PUBLICKEYBLOB, &csp, pkcs1, &pkcs1_size)) return false;
  info.Algorithm.pszObjId = oid;
  unsigned char null[] = {5, 0};
  info.Algorithm.Parameters.cbData = sizeof null, info.Algorithm.Parameters.pbData = null;
  info.PublicKey.cbData = pkcs1_size, info.PublicKey.pbData = pkcs1;
  return CryptEncodeObject(X509_ASN_ENCODING, X509_PUBLIC_KEY_INFO, &info, out, out_size);
}

static bool is_isolated(NCRYPT_KEY_HANDLE key) {
  DWORD value = 0, size = 0;
  return NCryptGetProperty(key, L"Virtual Iso", (PBYTE)&value, sizeof value, &size, 0) == 0 && size == 4 && value;
}

static char *make_statement(NCRYPT_KEY_HANDLE key, const char *client_id, cJSON *payload /* taken */) {
  unsigned char info[1024];
  DWORD info_size = sizeof info;
  cJSON *statement = cJSON_CreateObject();
  cJSON_AddItemToObject(statement, "client_payload", payload);
  unsigned char nonce[16];
  BCryptGenRandom(NULL, nonce, sizeof nonce, BCRYPT_USE_SYSTEM_PREFERRED_RNG);
  unsigned char blob[1024];
  DWORD blob_size = 0;
  char *text = NULL;
  if (NCryptExportKey(key, 0, BCRYPT_RSAPUBLIC_BLOB, NULL, blob, sizeof blob, &blob_size, 0) == 0 &&
      encode_key(blob, blob_size, info, &info_size) && add_encoded(statement, "public_key", info, info_size) &&
      add_encoded(statement, "nonce", nonce, sizeof nonce) &&
      cJSON_AddNumberToObject(statement, "time", (double)time(NULL)) != NULL &&
      cJSON_AddStringToObject(statement, "client_id", client_id) != NULL)
    text = cJSON_PrintUnformatted(statement);
  cJSON_Delete(statement);
  return text;
}

static bool hash(const char *text, unsigned char digest[32]) {
  BCRYPT_ALG_HANDLE algorithm = NULL;
  BCRYPT_HASH_HANDLE hash = NULL;
  bool good = BCryptOpenAlgorithmProvider(&algorithm, BCRYPT_SHA256_ALGORITHM, NULL, 0) == 0 &&
              BCryptCreateHash(algorithm, &hash, NULL, 0, NULL, 0, 0) == 0 &&
              BCryptHashData(hash, (PUCHAR)(uintptr_t)text, (ULONG)strlen(text), 0) == 0 &&
              BCryptFinishHash(hash, digest, 32, 0) == 0;
  if (hash != NULL) BCryptDestroyHash(hash);
  if (algorithm != NULL) BCryptCloseAlgorithmProvider(algorithm, 0);
  return good;
}

static char *make_evidence(NCRYPT_KEY_HANDLE key, const char *statement) {
  BCRYPT_PSS_PADDING_INFO padding = {BCRYPT_SHA256_ALGORITHM, 32};
  unsigned char digest[32], signature[512];
  DWORD size = 0;
  cJSON *json = cJSON_CreateObject();
  char *text = NULL;
  if (hash(statement, digest) &&
      NCryptSignHash(key, &padding, digest, sizeof digest, signature, sizeof signature, &size, BCRYPT_PAD_PSS) == 0 &&
      add_encoded(json, "statement", (const unsigned char *)statement, strlen(statement)) &&
      add_encoded(json, "signature", signature, size))
    text = cJSON_PrintUnformatted(json);
  cJSON_Delete(json);
  return text;
}

/* --- the service -------------------------------------------------------------------------------------------------- */

struct reply {
  DWORD status;
  int32_t native_code; /* from the header; 0 if absent */
  char body[65536];
  DWORD length;
};

static bool receive(HINTERNET request, struct reply *reply) {
  wchar_t code[16] = L"";
  DWORD size = sizeof reply->status;
  if (!WinHttpReceiveResponse(request, NULL)) return false;
  if (!WinHttpQueryHeaders(request, WINHTTP_QUERY_STATUS_CODE | WINHTTP_QUERY_FLAG_NUMBER, NULL, &reply->status, &size,
                           NULL))
    return false;
  size = sizeof code;
  if (WinHttpQueryHeaders(request, WINHTTP_QUERY_CUSTOM, L"x-fake-native-code", code, &size, NULL))
    reply->native_code = (int32_t)wcstol(code, NULL, 10);
  DWORD got = 1;
  while (got > 0 && reply->length < sizeof reply->body - 1) {
    if (!WinHttpReadData(request, reply->body + reply->length, sizeof reply->body - 1 - reply->length, &got))
      return false;
    reply->length += got;
  }
  reply->body[reply->length] = '\0';
  return true;
}

static bool send_request(HINTERNET request, const char *body, struct reply *reply) {
  DWORD any = SECURITY_FLAG_IGNORE_UNKNOWN_CA | SECURITY_FLAG_IGNORE_CERT_CN_INVALID |
              SECURITY_FLAG_IGNORE_CERT_DATE_INVALID | SECURITY_FLAG_IGNORE_CERT_WRONG_USAGE;
  DWORD length = (DWORD)strlen(body);
  return WinHttpSetOption(request, WINHTTP_OPTION_SECURITY_FLAGS, &any, sizeof any) &&
         WinHttpSendRequest(request, L"Content-Type: application/json", (DWORD)-1, (void *)(uintptr_t)body, length,
                            length, 0) &&
         receive(request, reply);
}

static int32_t post(const char *endpoint, const char *body, struct reply *reply) {
  URL_COMPONENTS parts;
  memset(&parts, 0, sizeof parts);
  wchar_t host[256];
  parts.dwStructSize = sizeof parts, parts.lpszHostName = host, parts.dwHostNameLength = 256;
  parts.dwUrlPathLength = 1;
  wchar_t url[512];
  if (!MultiByteToWideChar(CP_UTF8, 0, endpoint, -1, url, 512) || !WinHttpCrackUrl(url, 0, 0, &parts))
    return KG_ATTESTATION_DNS_PARSE;
  HINTERNET session = WinHttpOpen(L"fake", WINHTTP_ACCESS_TYPE_NO_PROXY, NULL, NULL, 0);
  HINTERNET connection = NULL;
  if (session != NULL) connection = WinHttpConnect(session, host, parts.nPort, 0);
  HINTERNET request = NULL;
  if (connection != NULL)
    request = WinHttpOpenRequest(connection, L"POST", REQUEST, NULL, NULL, NULL, WINHTTP_FLAG_SECURE);
  bool good = false;
  if (request != NULL) good = send_request(request, body, reply);
  if (!good) say(ERROR_LEVEL, __func__, "WinHTTP failed");
  WinHttpCloseHandle(request);
  WinHttpCloseHandle(connection);
  WinHttpCloseHandle(session);
  return good ? KG_ATTESTATION_OK : KG_ATTESTATION_CURL_SEND;
}

static char *copy(const char *text) {
  char *out = malloc(strlen(text) + 1);
  return out != NULL ? strcpy(out, text) : NULL;
}

static int32_t read_refusal(const struct reply *reply, const cJSON *json) {
  const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");
  const char *code = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "code"));
  const char *message = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(error, "message"));
  char line[512];
  snprintf(line, sizeof line, "Attestation failed: HTTP %lu %s: %s", reply->status, code != NULL ? code : "",
           message != NULL ? message : "");
  say(ERROR_LEVEL, __func__, line);
  return code != NULL && strcmp(code, "PolicyEvaluationError") == 0 ? KG_ATTESTATION_REJECTED
                                                                    : KG_ATTESTATION_HTTP_FAILED;
}

static int32_t read_token(const struct reply *reply, char **token) {
  cJSON *json = cJSON_Parse(reply->body);
  const cJSON *member = cJSON_GetObjectItemCaseSensitive(json, "token");
  int32_t code = KG_ATTESTATION_OK;
  if (reply->status != 200)
    code = read_refusal(reply, json);
  else if (!cJSON_IsObject(json))
    code = KG_ATTESTATION_INVALID_JSON;
  else if (cJSON_IsString(member))
    *token = copy(member->valuestring);
  else if (!cJSON_IsNull(member)) /* null: success without a token, which callers must not take for one */
    code = KG_ATTESTATION_EMPTY_JWT;
  cJSON_Delete(json);
  return code;
}

static int32_t attest(const char *endpoint, NCRYPT_KEY_HANDLE key, const char *client_id, cJSON *payload,
                      char **token) {
  static struct reply reply; /* one call at a time is the callers' duty */
  char *statement = make_statement(key, client_id, payload);
  char *evidence = statement != NULL ? make_evidence(key, statement) : NULL;
  int32_t code = evidence != NULL ? KG_ATTESTATION_OK : KG_ATTESTATION_REPORT_CREATION;
  memset(&reply, 0, sizeof reply);
  if (code == KG_ATTESTATION_OK) code = post(endpoint, evidence, &reply);
  if (code == KG_ATTESTATION_OK) {
    say(DEBUG_LEVEL, __func__, reply.body);
    code = read_token(&reply, token);
  }
  if (reply.native_code) code = reply.native_code;
  free(evidence);
  free(statement);
  return code;
}

/* --- the four functions ------------------------------------------------------------------------------------------- */

int32_t InitAttestationLib(struct kg_attestation_log_info *log) {
  int32_t code = code_of("FAKE_ATTESTATION_INIT");
  if (log == NULL || log->log == NULL) return KG_ATTESTATION_INVALID_INPUT; /* J/AttestationLibrary.java */
  if (code) return code;
  logging = log;
  say(INFORMATION_LEVEL, __func__, "Attestation library initialised");
  return KG_ATTESTATION_OK;
}

void UninitAttestationLib(void) {
  logging = NULL;
}

void FreeAttestationToken(char *token) {
  free(token);
}

/* What the environment orders, in `*code`; false: nothing. */
static bool canned(char **token, int32_t *code) {
  static char text[8192];
  *code = code_of("FAKE_ATTESTATION_CODE");
  if (*code) say(ERROR_LEVEL, __func__, "The environment ordered this code");
  SetLastError(0);
  if (variable("FAKE_ATTESTATION_TOKEN", text, sizeof text) == NULL) return *code != 0;
  if (strcmp(text, "NULL") != 0) *token = copy(text);
  return true;
}

int32_t AttestKeyGuardImportKey(const char *endpoint, const char *auth_token, const char *client_payload,
                                kg_attestation_key_handle key, char **token, const char *client_id) {
  if (logging == NULL) return KG_ATTESTATION_CLIENT_INIT;
  record(endpoint, auth_token, client_payload, client_id);
  if (endpoint == NULL || strncmp(endpoint, "https://", 8) != 0 || token == NULL || client_id == NULL || !*client_id)
    return KG_ATTESTATION_INVALID_INPUT;
  *token = NULL;
  if (!is_isolated((NCRYPT_KEY_HANDLE)key)) {
    say(ERROR_LEVEL, __func__, "The key is not isolated by VBS");
    return KG_ATTESTATION_INVALID_INPUT;
  }
  int32_t code = 0;
  if (canned(token, &code)) return code;
  cJSON *payload = client_payload != NULL ? cJSON_Parse(client_payload) : NULL;
  if (!cJSON_IsObject(payload)) { /* NET#6022, word for word */
    say(ERROR_LEVEL, __func__, "Error parsing the client payload Json");
    cJSON_Delete(payload);
    return KG_ATTESTATION_INVALID_INPUT;
  }
  return attest(endpoint, (NCRYPT_KEY_HANDLE)key, client_id, payload, token);
}
