#include "core/key/cng/bcrypt_verify.h"

#include "core/key/cng/ncrypt_key.h"

#include <ntstatus.h>

#define BYTES(span) ((PUCHAR)(uintptr_t)(span).data)

static enum kg_status verify(BCRYPT_KEY_HANDLE key, const struct kg_sign_params *params, struct kg_span digest,
                             struct kg_span signature, struct kg_error *error) {
  union kg_cng_padding padding;
  ULONG flags = kg_cng_padding_of(params, &padding);
  NTSTATUS code = BCryptVerifySignature(key, &padding, BYTES(digest), (ULONG)digest.len, BYTES(signature),
                                        (ULONG)signature.len, flags);
  if (code == 0) return KG_OK;
  if (code == STATUS_INVALID_SIGNATURE || code == STATUS_INVALID_PARAMETER)
    return kg_error_set(error, KG_E_SIGNATURE, "the signature does not match");
  return kg_error_set(error, KG_E_KEY_STORE, "BCrypt cannot verify (0x%08lX)", (unsigned long)code);
}

enum kg_status kg_cng_verify(struct kg_span public_blob, const struct kg_sign_params *params, struct kg_span digest,
                             struct kg_span signature, struct kg_error *error) {
  BCRYPT_ALG_HANDLE algorithm = NULL;
  BCRYPT_KEY_HANDLE key = NULL;
  NTSTATUS code = BCryptOpenAlgorithmProvider(&algorithm, BCRYPT_RSA_ALGORITHM, NULL, 0);
  if (code == 0)
    code = BCryptImportKeyPair(algorithm, NULL, BCRYPT_RSAPUBLIC_BLOB, &key, BYTES(public_blob), (ULONG)public_blob.len,
                               0);
  enum kg_status status =
      code ? kg_error_set(error, KG_E_KEY_STORE, "BCrypt cannot take the public key (0x%08lX)", (unsigned long)code)
           : verify(key, params, digest, signature, error);
  if (key != NULL) BCryptDestroyKey(key);
  if (algorithm != NULL) BCryptCloseAlgorithmProvider(algorithm, 0);
  return status;
}
