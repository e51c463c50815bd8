/* The stand-in for AttestationClientLib.dll: it takes the key's NCRYPT_KEY_HANDLE, wants "Virtual Iso" to be set, and
 * asks the Azure emulator over WinHTTP. It trusts any server: a fake protects nothing.
 *
 *   FAKE_ATTESTATION_INIT   what InitAttestationLib returns, e.g. -35
 *   FAKE_ATTESTATION_CODE   what AttestKeyGuardImportKey returns, without asking anybody
 *   FAKE_ATTESTATION_TOKEN  the token to return then ("NULL": none), without asking anybody
 *   FAKE_ATTESTATION_LOG    file to append each call to, with its arguments */
#include "tests/azure/fake_attestation_host.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <bcrypt.h>
#include <ncrypt.h>
#include <wincrypt.h>
#include <winhttp.h>

enum { REPLY_MAX = 65536 };

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

void fake_host_record(const char *endpoint, const char *auth_token, const char *payload, const char *client_id) {
  SetLastError(0);
  char path[MAX_PATH];
  FILE *file = variable("FAKE_ATTESTATION_LOG", path, sizeof path) != NULL ? fopen(path, "a") : NULL;
  if (file == NULL) return;
  fprintf(file, "%s|%s|%s|%s\n", endpoint != NULL ? endpoint : "NULL", auth_token != NULL ? auth_token : "NULL",
          payload != NULL ? payload : "NULL", client_id != NULL ? client_id : "NULL");
  fclose(file);
}

int32_t fake_host_start(void) {
  return code_of("FAKE_ATTESTATION_INIT");
}

void fake_host_stop(void) {}

bool fake_host_ordered(char **token, int32_t *code) {
  static char text[8192];
  *code = code_of("FAKE_ATTESTATION_CODE");
  if (*code != 0) FAKE_LOG(FAKE_ERROR, "The environment ordered this code");
  SetLastError(0);
  if (variable("FAKE_ATTESTATION_TOKEN", text, sizeof text) == NULL) return *code != 0;
  if (strcmp(text, "NULL") != 0) *token = _strdup(text);
  return true;
}

/* --- evidence ----------------------------------------------------------------------------------------------------- */

char *fake_host_base64(const void *bytes, size_t length) {
  DWORD size = 0, flags = CRYPT_STRING_BASE64 | CRYPT_STRING_NOCRLF;
  if (!CryptBinaryToStringA(bytes, (DWORD)length, flags, NULL, &size)) return NULL;
  char *text = calloc(1, size + 1);
  if (text != NULL) CryptBinaryToStringA(bytes, (DWORD)length, flags, text, &size);
  return text;
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

const char *fake_host_bad_key(kg_attestation_key_handle key) {
  DWORD value = 0, size = 0;
  bool isolated =
      NCryptGetProperty((NCRYPT_KEY_HANDLE)key, L"Virtual Iso", (PBYTE)&value, sizeof value, &size, 0) == 0 &&
      size == 4 && value != 0;
  return isolated ? NULL : "key handle (not isolated by VBS)";
}

void fake_host_nonce(unsigned char nonce[FAKE_NONCE]) {
  BCryptGenRandom(NULL, nonce, FAKE_NONCE, BCRYPT_USE_SYSTEM_PREFERRED_RNG);
}

bool fake_host_public_key(kg_attestation_key_handle key, struct fake_bytes *info) {
  unsigned char blob[1024];
  DWORD blob_size = 0, size = sizeof info->data;
  bool good =
      NCryptExportKey((NCRYPT_KEY_HANDLE)key, 0, BCRYPT_RSAPUBLIC_BLOB, NULL, blob, sizeof blob, &blob_size, 0) == 0 &&
      encode_key(blob, blob_size, info->data, &size);
  info->len = size;
  return good;
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

bool fake_host_sign(kg_attestation_key_handle key, const char *text, struct fake_bytes *signature) {
  BCRYPT_PSS_PADDING_INFO padding = {BCRYPT_SHA256_ALGORITHM, 32};
  unsigned char digest[32];
  DWORD size = 0;
  bool good = hash(text, digest) && NCryptSignHash((NCRYPT_KEY_HANDLE)key, &padding, digest, sizeof digest,
                                                   signature->data, sizeof signature->data, &size, BCRYPT_PAD_PSS) == 0;
  signature->len = size;
  return good;
}

/* --- the service -------------------------------------------------------------------------------------------------- */

static bool receive_body(HINTERNET request, struct fake_reply *reply) {
  reply->body = calloc(1, REPLY_MAX);
  DWORD got = 1;
  while (reply->body != NULL && got > 0 && reply->len < REPLY_MAX - 1) {
    if (!WinHttpReadData(request, reply->body + reply->len, (DWORD)(REPLY_MAX - 1 - reply->len), &got)) return false;
    reply->len += got;
  }
  return reply->body != NULL;
}

static bool receive(HINTERNET request, struct fake_reply *reply) {
  wchar_t code[16] = L"";
  DWORD status = 0, size = sizeof status;
  if (!WinHttpReceiveResponse(request, NULL)) return false;
  if (!WinHttpQueryHeaders(request, WINHTTP_QUERY_STATUS_CODE | WINHTTP_QUERY_FLAG_NUMBER, NULL, &status, &size, NULL))
    return false;
  reply->status = (long)status;
  size = sizeof code;
  if (WinHttpQueryHeaders(request, WINHTTP_QUERY_CUSTOM, L"x-fake-native-code", code, &size, NULL))
    reply->native_code = (int32_t)wcstol(code, NULL, 10);
  return receive_body(request, reply);
}

static bool send_request(HINTERNET request, const char *body, struct fake_reply *reply) {
  DWORD any = SECURITY_FLAG_IGNORE_UNKNOWN_CA | SECURITY_FLAG_IGNORE_CERT_CN_INVALID |
              SECURITY_FLAG_IGNORE_CERT_DATE_INVALID | SECURITY_FLAG_IGNORE_CERT_WRONG_USAGE;
  DWORD length = (DWORD)strlen(body);
  return WinHttpSetOption(request, WINHTTP_OPTION_SECURITY_FLAGS, &any, sizeof any) &&
         WinHttpSendRequest(request, L"Content-Type: application/json", (DWORD)-1, (void *)(uintptr_t)body, length,
                            length, 0) &&
         receive(request, reply);
}

int32_t fake_host_post(const char *endpoint, const char *body, struct fake_reply *reply) {
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
    request = WinHttpOpenRequest(connection, L"POST", L"" FAKE_PATH, NULL, NULL, NULL, WINHTTP_FLAG_SECURE);
  bool good = false;
  if (request != NULL) good = send_request(request, body, reply);
  if (!good) FAKE_LOG(FAKE_ERROR, "WinHTTP failed");
  WinHttpCloseHandle(request);
  WinHttpCloseHandle(connection);
  WinHttpCloseHandle(session);
  return good ? KG_ATTESTATION_OK : KG_ATTESTATION_CURL_SEND;
}
