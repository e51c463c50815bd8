#include "plugin/csr.h"

#include "core/base/encoding.h"
#include "core/base/hash.h"
#include "wire/x509.h"

#include <cJSON.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define KEY_BITS 2048
#define SALT_LEN 32
#define COMPUTE_UNIT_OID "1.3.6.1.4.1.311.90.2.10" /* MI/V2/Csr.cs */

enum kg_status kg_csr_check_key(const struct kg_plugin_key *key, struct kg_error *error) {
  EVP_PKEY *public_key = kg_x509_parse_public_key(kg_span_of(key->public_key_info.data, key->public_key_info.len));
  bool rsa = public_key != NULL && EVP_PKEY_get_base_id(public_key) == EVP_PKEY_RSA;
  int bits = public_key != NULL ? EVP_PKEY_get_bits(public_key) : 0;
  EVP_PKEY_free(public_key);
  ERR_clear_error();
  if (!rsa) return kg_error_set(error, KG_E_KEY_MECHANISM, "the key's public part is not an RSA key");
  if (bits != KEY_BITS || key->bits != KEY_BITS)
    return kg_error_set(error, KG_E_KEY_MECHANISM, "the key has %d bits; managed identity v2 takes %d only", bits,
                        KEY_BITS);
  return KG_OK;
}

/* CN={client}, DC={tenant} as text is DC first on the wire; the string types are those that .NET writes (GO/csr.go). */
static bool set_subject(X509_REQ *req, const struct kg_metadata *metadata) {
  X509_NAME *name = X509_REQ_get_subject_name(req);
  const unsigned char *tenant = (const unsigned char *)metadata->tenant_id;
  const unsigned char *client = (const unsigned char *)metadata->client_id;
  return X509_NAME_add_entry_by_NID(name, NID_domainComponent, V_ASN1_IA5STRING, tenant, -1, -1, 0) == 1 &&
         X509_NAME_add_entry_by_NID(name, NID_commonName, V_ASN1_PRINTABLESTRING, client, -1, -1, 0) == 1;
}

/* {"vmId":"...","vmssId":"..."} in this order, an absent one left out (MI/V2/CsrMetadata.cs). */
static char *format_unit(const struct kg_metadata *metadata) {
  cJSON *unit = cJSON_CreateObject();
  if (unit == NULL) return NULL;
  char *text = NULL;
  if ((metadata->vm_id == NULL || cJSON_AddStringToObject(unit, "vmId", metadata->vm_id) != NULL) &&
      (metadata->vmss_id == NULL || cJSON_AddStringToObject(unit, "vmssId", metadata->vmss_id) != NULL))
    text = cJSON_PrintUnformatted(unit);
  cJSON_Delete(unit);
  return text;
}

static bool add_unit(X509_REQ *req, const struct kg_metadata *metadata) {
  char *text = format_unit(metadata);
  bool done = text != NULL && X509_REQ_add1_attr_by_txt(req, COMPUTE_UNIT_OID, V_ASN1_UTF8STRING, (unsigned char *)text,
                                                        (int)strlen(text)) == 1;
  cJSON_free(text);
  return done;
}

/* SHA-256 with its parameters absent, not NULL. */
static X509_ALGOR *new_sha256(void) {
  X509_ALGOR *algorithm = X509_ALGOR_new();
  if (algorithm != NULL && X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_sha256), V_ASN1_UNDEF, NULL)) return algorithm;
  X509_ALGOR_free(algorithm);
  return NULL;
}

static X509_ALGOR *new_mgf1(void) {
  X509_ALGOR *hash = new_sha256(), *mask = X509_ALGOR_new();
  ASN1_STRING *packed = hash != NULL ? ASN1_item_pack(hash, ASN1_ITEM_rptr(X509_ALGOR), NULL) : NULL;
  X509_ALGOR_free(hash);
  if (mask != NULL && packed != NULL && X509_ALGOR_set0(mask, OBJ_nid2obj(NID_mgf1), V_ASN1_SEQUENCE, packed))
    return mask;
  ASN1_STRING_free(packed);
  X509_ALGOR_free(mask);
  return NULL;
}

/* [0] SHA-256, [1] MGF1 over SHA-256, [2] 32; the trailer field is its default and left out. */
static ASN1_STRING *pack_pss_parameters(void) {
  RSA_PSS_PARAMS *pss = RSA_PSS_PARAMS_new();
  if (pss == NULL) return NULL;
  pss->hashAlgorithm = new_sha256();
  pss->maskGenAlgorithm = new_mgf1();
  pss->saltLength = ASN1_INTEGER_new();
  ASN1_STRING *packed = NULL;
  if (pss->hashAlgorithm != NULL && pss->maskGenAlgorithm != NULL && pss->saltLength != NULL &&
      ASN1_INTEGER_set(pss->saltLength, SALT_LEN))
    packed = ASN1_item_pack(pss, ASN1_ITEM_rptr(RSA_PSS_PARAMS), NULL);
  RSA_PSS_PARAMS_free(pss);
  return packed;
}

static bool set_algorithm(X509_REQ *req) {
  ASN1_STRING *parameters = pack_pss_parameters();
  X509_ALGOR *algorithm = X509_ALGOR_new();
  bool done = false;
  if (parameters != NULL && algorithm != NULL &&
      X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_rsassaPss), V_ASN1_SEQUENCE, parameters)) {
    parameters = NULL;
    done = X509_REQ_set1_signature_algo(req, algorithm) == 1;
  }
  ASN1_STRING_free(parameters);
  X509_ALGOR_free(algorithm);
  return done;
}

static bool fill(X509_REQ *req, EVP_PKEY *public_key, const struct kg_metadata *metadata) {
  return X509_REQ_set_version(req, X509_REQ_VERSION_1) == 1 && set_subject(req, metadata) &&
         X509_REQ_set_pubkey(req, public_key) == 1 && add_unit(req, metadata) && set_algorithm(req);
}

static bool attach_signature(X509_REQ *req, const unsigned char *signature, size_t len) {
  ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
  if (bits == NULL || !ASN1_BIT_STRING_set(bits, (unsigned char *)signature, (int)len)) {
    ASN1_BIT_STRING_free(bits);
    return false;
  }
  bits->flags &= ~(ASN1_STRING_FLAG_BITS_LEFT | 0x07); /* no unused bits, whatever the last byte is */
  bits->flags |= ASN1_STRING_FLAG_BITS_LEFT;
  X509_REQ_set0_signature(req, bits);
  return true;
}

/* The to-be-signed bytes go to the key's store, and its answer is checked: the service would only say "invalid". */
static enum kg_status sign(X509_REQ *req, EVP_PKEY *public_key, const struct kg_plugin_key *key,
                           struct kg_error *error) {
  unsigned char *tbs = NULL, digest[32];
  int len = i2d_re_X509_REQ_tbs(req, &tbs);
  bool hashed = len > 0 && kg_hash_once(KG_HASH_SHA256, kg_span_of(tbs, (size_t)len), digest);
  OPENSSL_free(tbs);
  if (!hashed) return kg_error_set(error, KG_E_NO_MEMORY, "the certificate request cannot be encoded");
  unsigned char signature[KEY_BITS / 8] = {0};
  int code = key->sign_pss_sha256(key->context, digest, signature);
  if (code != 0)
    return kg_error_set_code(error, KG_E_KEY_DEAD, code, "the key did not sign the certificate request (code %d)",
                             code);
  if (!attach_signature(req, signature, sizeof signature)) return kg_error_no_memory(error, "for a signature");
  if (X509_REQ_verify(req, public_key) != 1)
    return kg_error_set(error, KG_E_KEY_DEAD, "the key's signature does not fit its public part");
  return KG_OK;
}

static char *encode(X509_REQ *req) {
  unsigned char *der = NULL;
  int len = i2d_X509_REQ(req, &der);
  char *text = len > 0 ? kg_base64_format(kg_span_of(der, (size_t)len)) : NULL;
  OPENSSL_free(der);
  return text;
}

enum kg_status kg_csr_new(const struct kg_plugin_key *key, const struct kg_metadata *metadata, char **out,
                          struct kg_error *error) {
  EVP_PKEY *public_key = kg_x509_parse_public_key(kg_span_of(key->public_key_info.data, key->public_key_info.len));
  X509_REQ *req = X509_REQ_new();
  *out = NULL;
  enum kg_status status = KG_OK;
  if (public_key == NULL || req == NULL || !fill(req, public_key, metadata))
    status = kg_error_set(error, KG_E_NO_MEMORY, "the certificate request cannot be built");
  if (status == KG_OK) status = sign(req, public_key, key, error);
  if (status == KG_OK) *out = encode(req);
  if (status == KG_OK && *out == NULL) status = kg_error_no_memory(error, "for a certificate request");
  X509_REQ_free(req);
  EVP_PKEY_free(public_key);
  ERR_clear_error();
  return status;
}
