#include "core/key/sign_params.h"

#include "core/key/digest_info.h"

#define PKCS1_OVERHEAD 11 /* RFC 8017 section 9.2: 00 01, at least eight FF, 00 */

static enum kg_status check_pss(const struct kg_sign_params *params, unsigned capabilities, unsigned bits,
                                struct kg_error *error) {
  size_t encoded = (bits + 6) / 8; /* emLen of RFC 8017 section 8.1.1: the modulus less one bit */
  size_t hash_size = kg_hash_size(params->hash);
  if (encoded < hash_size + 2 || params->salt_len > encoded - hash_size - 2)
    return kg_error_set(error, KG_E_KEY_MECHANISM, "a salt of %zu bytes does not fit a key of %u bits",
                        params->salt_len, bits);
  if (params->salt_len != hash_size && !(capabilities & KG_CAN_PSS_ANY_SALT))
    return kg_error_set(error, KG_E_KEY_MECHANISM, "this key store can only use a salt as long as the hash");
  return KG_OK;
}

enum kg_status kg_sign_params_check(const struct kg_sign_params *params, unsigned capabilities, unsigned bits,
                                    struct kg_error *error) {
  bool is_pss = params->padding == KG_PADDING_PSS;
  if (!(capabilities & (is_pss ? KG_CAN_SIGN_PSS : KG_CAN_SIGN_PKCS1)))
    return kg_error_set(error, KG_E_KEY_MECHANISM, "this key store has no %s for this key",
                        is_pss ? "RSASSA-PSS" : "RSASSA-PKCS1-v1_5");
  if (!is_pss && params->hash == KG_HASH_NONE) return KG_OK;
  if (params->hash != KG_HASH_SHA256 && params->hash != KG_HASH_SHA384 && params->hash != KG_HASH_SHA512)
    return kg_error_set(error, KG_E_KEY_MECHANISM, "signatures are made with SHA-256, 384 or 512 only");
  return is_pss ? check_pss(params, capabilities, bits, error) : KG_OK;
}

enum kg_status kg_sign_params_take_input(struct kg_sign_params *params, struct kg_span *input, unsigned capabilities,
                                         unsigned bits, struct kg_error *error) {
  if (input->data == NULL && input->len > 0) return kg_error_set(error, KG_E_KEY_INPUT, "no data to sign");
  if (params->hash != KG_HASH_NONE) {
    if (input->len == kg_hash_size(params->hash)) return KG_OK;
    return kg_error_set(error, KG_E_KEY_INPUT, "a %s digest has %zu bytes, not %zu", kg_hash_name(params->hash),
                        kg_hash_size(params->hash), input->len);
  }
  if (bits / 8 < PKCS1_OVERHEAD || input->len > bits / 8 - PKCS1_OVERHEAD)
    return kg_error_set(error, KG_E_KEY_INPUT, "%zu bytes are too many for RSASSA-PKCS1-v1_5 with a key of %u bits",
                        input->len, bits);
  if (capabilities & KG_CAN_PKCS1_ANY_INPUT) return KG_OK;
  if (kg_digest_info_parse(*input, &params->hash, input) == KG_OK) return KG_OK;
  return kg_error_set(error, KG_E_KEY_DATA, "this key store signs a DigestInfo of SHA-256, 384 or 512 only");
}
