/* The attestation library's interface: the four functions of AttestationClientLib (NuGet package
 * Microsoft.Azure.Security.KeyGuardAttestation 1.1.5), as MSAL's sources declare them (docs/protocol.md 5.1, 5.2). */
#ifndef KEYGUARD_ATTESTATION_H
#define KEYGUARD_ATTESTATION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Levels: 0 error, 1 warning, 2 information, 3 debug. Texts end with NUL and are the library's; they end with the call,
 * which may come from a thread of its own. Must not unwind into the library. */
typedef void kg_attestation_log_function(void *context, const char *tag, int level, const char *function, int line,
                                         const char *message);

struct kg_attestation_log_info {    /* 16 bytes on 64-bit systems; the library keeps the pointer until Uninit */
  kg_attestation_log_function *log; /* NULL makes Init answer KG_ATTESTATION_INVALID_INPUT */
  void *context;
};

/* The key argument: an NCRYPT_KEY_HANDLE on Windows. Elsewhere it is the address of this struct. */
typedef uintptr_t kg_attestation_key_handle;
struct kg_attestation_key {
  uint32_t size; /* sizeof(struct kg_attestation_key) as the caller was compiled */
  void *context;
  const unsigned char *public_key_info; /* DER SubjectPublicKeyInfo; the caller's, as all here, until the call ends */
  size_t public_key_info_len;           /* bytes */
  size_t signature_len;                 /* bytes that `signature` takes */
  /* RSASSA-PSS, SHA-256, MGF1 SHA-256, salt 32. 0: done. */
  int (*sign_pss_sha256)(void *context, const unsigned char digest[32], unsigned char *signature);
};

/* Each returns 0 or one of the negative codes below (a Windows `long`: 32 bits). Arguments are the caller's; a token
 * is the library's, ends with NUL, and goes back to it by FreeAttestationToken. `auth_token` may be NULL;
 * `client_payload` is a JSON object. */
typedef int32_t kg_init_attestation_lib(struct kg_attestation_log_info *log); /* InitAttestationLib */
typedef int32_t kg_attest_key_guard_import_key(const char *endpoint, const char *auth_token, const char *client_payload,
                                               kg_attestation_key_handle key, char **token,
                                               const char *client_id); /* AttestKeyGuardImportKey */
typedef void kg_free_attestation_token(char *token);                   /* FreeAttestationToken */
typedef void kg_uninit_attestation_lib(void);                          /* UninitAttestationLib */

enum kg_attestation_code {
  KG_ATTESTATION_OK = 0,
  KG_ATTESTATION_CURL_INIT = -1,
  KG_ATTESTATION_RESPONSE_PARSING = -2,
  KG_ATTESTATION_MSI_TOKEN = -3,
  KG_ATTESTATION_RETRIES_EXCEEDED = -4,
  KG_ATTESTATION_HTTP_FAILED = -5,
  KG_ATTESTATION_REJECTED = -6,
  KG_ATTESTATION_CURL_SEND = -7,
  KG_ATTESTATION_INVALID_INPUT = -8,
  KG_ATTESTATION_VALIDATION = -9,
  KG_ATTESTATION_OUT_OF_MEMORY = -10,
  KG_ATTESTATION_OS_INFO = -11,
  KG_ATTESTATION_TPM_INTERNAL = -12,
  KG_ATTESTATION_TPM_OPERATION = -13,
  KG_ATTESTATION_JWT_DECRYPTION = -14,
  KG_ATTESTATION_JWT_DECRYPTION_TPM = -15,
  KG_ATTESTATION_INVALID_JSON = -16,
  KG_ATTESTATION_EMPTY_VCEK = -17,
  KG_ATTESTATION_EMPTY_RESPONSE = -18,
  KG_ATTESTATION_EMPTY_REQUEST = -19,
  KG_ATTESTATION_HCL_PARSE = -20,
  KG_ATTESTATION_HCL_EMPTY = -21,
  KG_ATTESTATION_JWK_EXTRACT = -22,
  KG_ATTESTATION_JWK_TO_RSA = -23,
  KG_ATTESTATION_RSA_ENCRYPT_INIT = -24,
  KG_ATTESTATION_RSA_ENCRYPT = -25,
  KG_ATTESTATION_DECRYPT_TPM = -26,
  KG_ATTESTATION_DNS_PARSE = -27,
  KG_ATTESTATION_ENVELOPE_PARSE = -28,
  KG_ATTESTATION_AK_PROVISIONING = -29,
  KG_ATTESTATION_CLIENT_INIT = -30,
  KG_ATTESTATION_EMPTY_JWT = -31,
  KG_ATTESTATION_REPORT_CREATION = -32,
  KG_ATTESTATION_IMPORT_PUBLIC = -33,
  KG_ATTESTATION_CXX_EXCEPTION = -34,
  KG_ATTESTATION_LOGGER_INIT = -35
};

#ifdef __cplusplus
}
#endif
#endif
