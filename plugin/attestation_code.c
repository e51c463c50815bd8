#include "plugin/attestation_code.h"

#include "keyguard/attestation.h"

/* By the code's absolute value. */
static const char *const names[] = {
    [-KG_ATTESTATION_OK] = "success",
    [-KG_ATTESTATION_CURL_INIT] = "its libcurl cannot be initialised",
    [-KG_ATTESTATION_RESPONSE_PARSING] = "the service's answer cannot be parsed",
    [-KG_ATTESTATION_MSI_TOKEN] = "no managed identity token for the attestation service",
    [-KG_ATTESTATION_RETRIES_EXCEEDED] = "retries exceeded",
    [-KG_ATTESTATION_HTTP_FAILED] = "the HTTP request failed",
    [-KG_ATTESTATION_REJECTED] = "attestation rejected: policy or signature",
    [-KG_ATTESTATION_CURL_SEND] = "could not send: DNS, TLS or socket",
    [-KG_ATTESTATION_INVALID_INPUT] = "invalid input parameter",
    [-KG_ATTESTATION_VALIDATION] = "parameter validation failed",
    [-KG_ATTESTATION_OUT_OF_MEMORY] = "out of memory",
    [-KG_ATTESTATION_OS_INFO] = "no information on the operating system",
    [-KG_ATTESTATION_TPM_INTERNAL] = "TPM internal failure",
    [-KG_ATTESTATION_TPM_OPERATION] = "TPM operation failed",
    [-KG_ATTESTATION_JWT_DECRYPTION] = "the token cannot be decrypted",
    [-KG_ATTESTATION_JWT_DECRYPTION_TPM] = "the token cannot be decrypted: TPM error",
    [-KG_ATTESTATION_INVALID_JSON] = "the service's answer is not JSON",
    [-KG_ATTESTATION_EMPTY_VCEK] = "empty VCEK certificate",
    [-KG_ATTESTATION_EMPTY_RESPONSE] = "empty answer",
    [-KG_ATTESTATION_EMPTY_REQUEST] = "empty request",
    [-KG_ATTESTATION_HCL_PARSE] = "the HCL report cannot be parsed",
    [-KG_ATTESTATION_HCL_EMPTY] = "empty HCL report",
    [-KG_ATTESTATION_JWK_EXTRACT] = "no JWK information",
    [-KG_ATTESTATION_JWK_TO_RSA] = "the JWK is no RSA public key",
    [-KG_ATTESTATION_RSA_ENCRYPT_INIT] = "RSA encryption cannot be initialised",
    [-KG_ATTESTATION_RSA_ENCRYPT] = "RSA encryption failed",
    [-KG_ATTESTATION_DECRYPT_TPM] = "decryption failed: TPM error",
    [-KG_ATTESTATION_DNS_PARSE] = "the DNS information cannot be parsed",
    [-KG_ATTESTATION_ENVELOPE_PARSE] = "the answer's envelope cannot be parsed",
    [-KG_ATTESTATION_AK_PROVISIONING] = "no attestation key certificate",
    [-KG_ATTESTATION_CLIENT_INIT] = "its client cannot be initialised",
    [-KG_ATTESTATION_EMPTY_JWT] = "empty token",
    [-KG_ATTESTATION_REPORT_CREATION] = "no key attestation report",
    [-KG_ATTESTATION_IMPORT_PUBLIC] = "the key's public part cannot be imported",
    [-KG_ATTESTATION_CXX_EXCEPTION] = "unexpected exception in the library",
    [-KG_ATTESTATION_LOGGER_INIT] = "its logger cannot be initialised",
};

const char *kg_attestation_code_name(int32_t code) {
  const int32_t count = (int32_t)(sizeof names / sizeof names[0]);
  return code <= 0 && code > -count ? names[-code] : "unknown code";
}
