#include "pkcs11/mechanism.h"

#include "core/base/hash_state.h"
#include "core/key/sign_params.h"

#include <string.h>

static const struct kg_mechanism table[] = {
    {CKM_RSA_PKCS, KG_USE_SIGN, KG_PADDING_PKCS1, KG_HASH_NONE},
    {CKM_RSA_PKCS_PSS, KG_USE_SIGN, KG_PADDING_PSS, KG_HASH_NONE},
    {CKM_SHA256_RSA_PKCS, KG_USE_SIGN, KG_PADDING_PKCS1, KG_HASH_SHA256},
    {CKM_SHA384_RSA_PKCS, KG_USE_SIGN, KG_PADDING_PKCS1, KG_HASH_SHA384},
    {CKM_SHA512_RSA_PKCS, KG_USE_SIGN, KG_PADDING_PKCS1, KG_HASH_SHA512},
    {CKM_SHA256_RSA_PKCS_PSS, KG_USE_SIGN, KG_PADDING_PSS, KG_HASH_SHA256},
    {CKM_SHA384_RSA_PKCS_PSS, KG_USE_SIGN, KG_PADDING_PSS, KG_HASH_SHA384},
    {CKM_SHA512_RSA_PKCS_PSS, KG_USE_SIGN, KG_PADDING_PSS, KG_HASH_SHA512},
    {CKM_SHA256, KG_USE_DIGEST, KG_PADDING_PKCS1, KG_HASH_SHA256},
    {CKM_SHA384, KG_USE_DIGEST, KG_PADDING_PKCS1, KG_HASH_SHA384},
    {CKM_SHA512, KG_USE_DIGEST, KG_PADDING_PKCS1, KG_HASH_SHA512},
};
#define ROWS (sizeof table / sizeof table[0])
_Static_assert(ROWS <= KG_MECHANISMS_MAX, "a list of all mechanisms fits");

/* The hashes of PSS parameters: the digest and its mask generation function (PKCS#11 3.0 section 6.1.7). */
static const struct pss_hash {
  CK_MECHANISM_TYPE mechanism;
  CK_RSA_PKCS_MGF_TYPE mgf;
  enum kg_hash hash;
} pss_hashes[] = {
    {CKM_SHA256, CKG_MGF1_SHA256, KG_HASH_SHA256},
    {CKM_SHA384, CKG_MGF1_SHA384, KG_HASH_SHA384},
    {CKM_SHA512, CKG_MGF1_SHA512, KG_HASH_SHA512},
};

static bool is_offered(const struct kg_mechanism *row, const struct kg_mechanism_limits *limits) {
  if (row->use == KG_USE_DIGEST) return true;
  return (limits->capabilities & (row->padding == KG_PADDING_PSS ? KG_CAN_SIGN_PSS : KG_CAN_SIGN_PKCS1)) != 0;
}

const struct kg_mechanism *kg_mechanism_find(CK_MECHANISM_TYPE type, const struct kg_mechanism_limits *limits) {
  for (size_t i = 0; i < ROWS; i++)
    if (table[i].type == type) return is_offered(&table[i], limits) ? &table[i] : NULL;
  return NULL;
}

/* Java takes a listed digest from us and then copies running ones: they are listed where that works. Asked for by name
 * they are always there, as Java signs with PSS only where they are. */
static size_t list(const struct kg_mechanism_limits *limits, bool digests, CK_MECHANISM_TYPE *out) {
  size_t count = 0;
  for (size_t i = 0; i < ROWS; i++)
    if (is_offered(&table[i], limits) && (digests || table[i].use == KG_USE_SIGN)) out[count++] = table[i].type;
  return count;
}

size_t kg_mechanism_list(const struct kg_mechanism_limits *limits, CK_MECHANISM_TYPE out[KG_MECHANISMS_MAX]) {
  return list(limits, kg_hash_state_is_supported(), out);
}

size_t kg_mechanism_list_sign(const struct kg_mechanism_limits *limits, CK_MECHANISM_TYPE out[KG_MECHANISMS_MAX]) {
  return list(limits, false, out);
}

void kg_mechanism_info(const struct kg_mechanism *row, const struct kg_mechanism_limits *limits,
                       CK_MECHANISM_INFO *out) {
  memset(out, 0, sizeof *out);
  if (row->use == KG_USE_DIGEST) {
    out->flags = CKF_DIGEST;
    return;
  }
  out->ulMinKeySize = limits->key_bits;
  out->ulMaxKeySize = limits->key_bits;
  out->flags = CKF_SIGN | (limits->capabilities & KG_CAN_VERIFY ? CKF_VERIFY : 0) | (limits->hardware ? CKF_HW : 0);
}

static enum kg_hash pss_hash(const CK_RSA_PKCS_PSS_PARAMS *pss) {
  for (size_t i = 0; i < sizeof pss_hashes / sizeof pss_hashes[0]; i++)
    if (pss_hashes[i].mechanism == pss->hashAlg)
      return pss_hashes[i].mgf == pss->mgf ? pss_hashes[i].hash : KG_HASH_NONE;
  return KG_HASH_NONE;
}

static CK_RV read_pss(const struct kg_mechanism *row, const CK_MECHANISM *given, struct kg_sign_params *out) {
  CK_RSA_PKCS_PSS_PARAMS pss;
  if (given->pParameter == NULL || given->ulParameterLen != sizeof pss) return CKR_MECHANISM_PARAM_INVALID;
  memcpy(&pss, given->pParameter, sizeof pss); /* wherever it lies */
  out->hash = pss_hash(&pss);
  out->salt_len = (size_t)pss.sLen;
  return row->hash == KG_HASH_NONE || row->hash == out->hash ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

static CK_RV read_none(const CK_MECHANISM *given) {
  return given->ulParameterLen == 0 ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

CK_RV kg_mechanism_read_params(const struct kg_mechanism *row, const struct kg_mechanism_limits *limits,
                               const CK_MECHANISM *given, struct kg_sign_params *out) {
  memset(out, 0, sizeof *out);
  out->padding = row->padding;
  out->hash = row->hash;
  if (row->use == KG_USE_DIGEST) return read_none(given);
  CK_RV rv = row->padding == KG_PADDING_PSS ? read_pss(row, given, out) : read_none(given);
  if (rv != CKR_OK) return rv;
  enum kg_status status = kg_sign_params_check(out, limits->capabilities, limits->key_bits, NULL);
  return status == KG_OK ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}
