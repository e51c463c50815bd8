#include "core/base/hash_state.h"
#include "pkcs11/mechanism.h"

#include "sample.h"
#include "tests/support/unit.h"

#include <string.h>

static const struct kg_mechanism_limits all = {SAMPLE_ALL, 2048, false};
static const struct kg_mechanism_limits fixed_salt = {SAMPLE_ALL & ~KG_CAN_PSS_ANY_SALT, 2048, false};

#define BAD CKR_MECHANISM_PARAM_INVALID
#define S1 CKM_SHA_1
#define S2 CKM_SHA256
#define S3 CKM_SHA384
#define S5 CKM_SHA512
#define G1 CKG_MGF1_SHA1
#define G2 CKG_MGF1_SHA256
#define G3 CKG_MGF1_SHA384
#define G5 CKG_MGF1_SHA512

/* emLen of a 2048-bit key is 256: the longest salt is 256 - 2 - hash length. */
static const struct pss_case {
  CK_MECHANISM_TYPE mechanism, hash;
  CK_RSA_PKCS_MGF_TYPE mgf;
  CK_ULONG salt;
  CK_RV any_salt, own_salt; /* what a store that can do any salt answers, and one that cannot */
} pss_cases[] = {
    /* the three that TLS uses */
    {CKM_RSA_PKCS_PSS, S2, G2, 32, CKR_OK, CKR_OK},
    {CKM_RSA_PKCS_PSS, S3, G3, 48, CKR_OK, CKR_OK},
    {CKM_RSA_PKCS_PSS, S5, G5, 64, CKR_OK, CKR_OK},
    {CKM_SHA256_RSA_PKCS_PSS, S2, G2, 32, CKR_OK, CKR_OK},
    {CKM_SHA384_RSA_PKCS_PSS, S3, G3, 48, CKR_OK, CKR_OK},
    {CKM_SHA512_RSA_PKCS_PSS, S5, G5, 64, CKR_OK, CKR_OK},
    /* other salts */
    {CKM_RSA_PKCS_PSS, S2, G2, 0, CKR_OK, BAD},
    {CKM_RSA_PKCS_PSS, S2, G2, 1, CKR_OK, BAD},
    {CKM_RSA_PKCS_PSS, S2, G2, 20, CKR_OK, BAD},
    {CKM_RSA_PKCS_PSS, S2, G2, 31, CKR_OK, BAD},
    {CKM_RSA_PKCS_PSS, S2, G2, 33, CKR_OK, BAD},
    {CKM_RSA_PKCS_PSS, S2, G2, 221, CKR_OK, BAD},
    {CKM_RSA_PKCS_PSS, S2, G2, 222, CKR_OK, BAD},
    {CKM_RSA_PKCS_PSS, S2, G2, 223, BAD, BAD},
    {CKM_RSA_PKCS_PSS, S2, G2, 256, BAD, BAD},
    {CKM_RSA_PKCS_PSS, S2, G2, 350, BAD, BAD},
    {CKM_RSA_PKCS_PSS, S2, G2, (CK_ULONG)-1, BAD, BAD},
    {CKM_RSA_PKCS_PSS, S2, G2, (CK_ULONG)-2, BAD, BAD},
    {CKM_RSA_PKCS_PSS, S3, G3, 0, CKR_OK, BAD},
    {CKM_RSA_PKCS_PSS, S3, G3, 32, CKR_OK, BAD},
    {CKM_RSA_PKCS_PSS, S3, G3, 206, CKR_OK, BAD},
    {CKM_RSA_PKCS_PSS, S3, G3, 207, BAD, BAD},
    {CKM_RSA_PKCS_PSS, S3, G3, (CK_ULONG)-1, BAD, BAD},
    {CKM_RSA_PKCS_PSS, S5, G5, 0, CKR_OK, BAD},
    {CKM_RSA_PKCS_PSS, S5, G5, 32, CKR_OK, BAD},
    {CKM_RSA_PKCS_PSS, S5, G5, 190, CKR_OK, BAD},
    {CKM_RSA_PKCS_PSS, S5, G5, 191, BAD, BAD},
    {CKM_SHA256_RSA_PKCS_PSS, S2, G2, 0, CKR_OK, BAD},
    {CKM_SHA256_RSA_PKCS_PSS, S2, G2, 222, CKR_OK, BAD},
    {CKM_SHA256_RSA_PKCS_PSS, S2, G2, 223, BAD, BAD},
    {CKM_SHA384_RSA_PKCS_PSS, S3, G3, 0, CKR_OK, BAD},
    {CKM_SHA384_RSA_PKCS_PSS, S3, G3, 207, BAD, BAD},
    {CKM_SHA512_RSA_PKCS_PSS, S5, G5, 20, CKR_OK, BAD},
    {CKM_SHA512_RSA_PKCS_PSS, S5, G5, 191, BAD, BAD},
    /* hash and mask generation function differ */
    {CKM_RSA_PKCS_PSS, S2, G1, 32, BAD, BAD},
    {CKM_RSA_PKCS_PSS, S2, G3, 32, BAD, BAD},
    {CKM_RSA_PKCS_PSS, S2, G5, 32, BAD, BAD},
    {CKM_RSA_PKCS_PSS, S2, 0, 32, BAD, BAD},
    {CKM_RSA_PKCS_PSS, S2, 99, 32, BAD, BAD},
    {CKM_RSA_PKCS_PSS, S3, G2, 48, BAD, BAD},
    {CKM_RSA_PKCS_PSS, S3, G5, 48, BAD, BAD},
    {CKM_RSA_PKCS_PSS, S5, G2, 64, BAD, BAD},
    {CKM_RSA_PKCS_PSS, S5, G1, 64, BAD, BAD},
    {CKM_SHA256_RSA_PKCS_PSS, S2, G1, 32, BAD, BAD},
    {CKM_SHA512_RSA_PKCS_PSS, S5, G3, 64, BAD, BAD},
    /* hashes that are none, or are not offered */
    {CKM_RSA_PKCS_PSS, S1, G1, 20, BAD, BAD},
    {CKM_RSA_PKCS_PSS, CKM_SHA224, CKG_MGF1_SHA224, 28, BAD, BAD},
    {CKM_RSA_PKCS_PSS, CKM_MD5, G1, 16, BAD, BAD},
    {CKM_RSA_PKCS_PSS, CKM_RSA_PKCS, G2, 32, BAD, BAD},
    {CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS, G2, 32, BAD, BAD},
    {CKM_RSA_PKCS_PSS, 0, G2, 32, BAD, BAD},
    {CKM_RSA_PKCS_PSS, (CK_ULONG)-1, G2, 32, BAD, BAD},
    {CKM_RSA_PKCS_PSS, CKM_VENDOR_DEFINED, G2, 32, BAD, BAD},
    /* another hash than the combined mechanism's */
    {CKM_SHA256_RSA_PKCS_PSS, S3, G3, 48, BAD, BAD},
    {CKM_SHA256_RSA_PKCS_PSS, S5, G5, 64, BAD, BAD},
    {CKM_SHA256_RSA_PKCS_PSS, S1, G1, 20, BAD, BAD},
    {CKM_SHA384_RSA_PKCS_PSS, S2, G2, 32, BAD, BAD},
    {CKM_SHA384_RSA_PKCS_PSS, S5, G5, 64, BAD, BAD},
    {CKM_SHA512_RSA_PKCS_PSS, S2, G2, 32, BAD, BAD},
    {CKM_SHA512_RSA_PKCS_PSS, S3, G3, 48, BAD, BAD},
    {CKM_SHA512_RSA_PKCS_PSS, 0, 0, 0, BAD, BAD},
};

static CK_RV read_pss(const struct pss_case *row, const struct kg_mechanism_limits *limits,
                      struct kg_sign_params *out) {
  CK_RSA_PKCS_PSS_PARAMS pss = {row->hash, row->mgf, row->salt};
  CK_MECHANISM given = {row->mechanism, &pss, sizeof pss};
  return kg_mechanism_read_params(kg_mechanism_find(row->mechanism, limits), limits, &given, out);
}

static void pss_parameters_are_checked_completely(void **state) {
  (void)state;
  assert_true(COUNT(pss_cases) >= 60);
  struct kg_sign_params params;
  for (size_t i = 0; i < COUNT(pss_cases); i++) {
    const struct pss_case *row = &pss_cases[i];
    if (read_pss(row, &all, &params) != row->any_salt) fail_msg("row %zu, any salt", i);
    if (row->any_salt == CKR_OK) assert_int_equal(params.salt_len, row->salt);
    if (read_pss(row, &fixed_salt, &params) != row->own_salt) fail_msg("row %zu, own salt", i);
  }
}

static void pss_parameters_have_their_exact_size(void **state) {
  const struct kg_mechanism *row = kg_mechanism_find(CKM_RSA_PKCS_PSS, &all);
  (void)state;
  struct kg_sign_params params;
  CK_RSA_PKCS_PSS_PARAMS pss[2] = {{S2, G2, 32}, {S2, G2, 32}};
  for (CK_ULONG size = 0; size <= sizeof pss; size++) {
    CK_MECHANISM given = {CKM_RSA_PKCS_PSS, pss, size};
    assert_int_equal(kg_mechanism_read_params(row, &all, &given, &params), size == sizeof pss[0] ? CKR_OK : BAD);
  }
  CK_MECHANISM none = {CKM_RSA_PKCS_PSS, NULL, sizeof pss[0]};
  assert_int_equal(kg_mechanism_read_params(row, &all, &none, &params), BAD);
}

static void pss_of_odd_key_sizes_fits_emlen(void **state) {
  (void)state;
  /* emBits 2048: emLen 256, not 257 */
  struct kg_sign_params params;
  struct pss_case row = {CKM_RSA_PKCS_PSS, S2, G2, 222, CKR_OK, BAD};
  const struct kg_mechanism_limits odd = {SAMPLE_ALL, 2049, false};
  assert_int_equal(read_pss(&row, &odd, &params), CKR_OK);
  row.salt = 223;
  assert_int_equal(read_pss(&row, &odd, &params), BAD);
}

static void others_take_no_parameter(void **state) {
  static const CK_MECHANISM_TYPE types[] = {CKM_RSA_PKCS, CKM_SHA256_RSA_PKCS, CKM_SHA512_RSA_PKCS, CKM_SHA384};
  (void)state;
  CK_BYTE junk[4] = {0};
  struct kg_sign_params params;
  for (size_t i = 0; i < COUNT(types); i++) {
    CK_MECHANISM none = {types[i], NULL, 0};
    const struct kg_mechanism *row = kg_mechanism_find(types[i], &all);
    assert_int_equal(kg_mechanism_read_params(row, &all, &none, &params), CKR_OK);
    CK_MECHANISM some = {types[i], junk, sizeof junk};
    assert_int_equal(kg_mechanism_read_params(row, &all, &some, &params), BAD);
  }
}

static void only_what_the_store_can_do_is_listed(void **state) {
  (void)state;
  CK_MECHANISM_TYPE list[KG_MECHANISMS_MAX];
  assert_int_equal(kg_mechanism_list_sign(&all, list), 8);
  const struct kg_mechanism_limits pkcs1 = {KG_CAN_SIGN_PKCS1, 2048, false};
  assert_int_equal(kg_mechanism_list_sign(&pkcs1, list), 4);
  const struct kg_mechanism_limits pss = {KG_CAN_SIGN_PSS, 2048, false};
  assert_int_equal(kg_mechanism_list_sign(&pss, list), 4);
  /* Digests are listed only where their state can be saved: not on Windows. */
  assert_int_equal(kg_mechanism_list(&all, list), kg_hash_state_size(KG_HASH_SHA256) ? 11 : 8);
  assert_null(kg_mechanism_find(CKM_RSA_PKCS_PSS, &pkcs1));
  assert_null(kg_mechanism_find(CKM_SHA256_RSA_PKCS, &pss));
  assert_null(kg_mechanism_find(CKM_RSA_X_509, &all));
  assert_null(kg_mechanism_find(CKM_SHA1_RSA_PKCS, &all));
}

static void info_follows_the_capabilities(void **state) {
  (void)state;
  CK_MECHANISM_INFO info;
  const struct kg_mechanism_limits sign_only = {KG_CAN_SIGN_PSS, 3072, true};
  kg_mechanism_info(kg_mechanism_find(CKM_RSA_PKCS_PSS, &sign_only), &sign_only, &info);
  assert_int_equal(info.flags, CKF_SIGN | CKF_HW);
  assert_int_equal(info.ulMinKeySize, 3072);
  kg_mechanism_info(kg_mechanism_find(CKM_RSA_PKCS_PSS, &all), &all, &info);
  assert_int_equal(info.flags, CKF_SIGN | CKF_VERIFY);
  kg_mechanism_info(kg_mechanism_find(CKM_SHA256, &all), &all, &info);
  assert_int_equal(info.flags, CKF_DIGEST);
}

int main(void) {
  const struct CMUnitTest cases[] = {
      CASE("/mechanism/pss_parameters_are_checked_completely", pss_parameters_are_checked_completely),
      CASE("/mechanism/pss_parameters_have_their_exact_size", pss_parameters_have_their_exact_size),
      CASE("/mechanism/pss_of_odd_key_sizes_fits_emlen", pss_of_odd_key_sizes_fits_emlen),
      CASE("/mechanism/others_take_no_parameter", others_take_no_parameter),
      CASE("/mechanism/only_what_the_store_can_do_is_listed", only_what_the_store_can_do_is_listed),
      CASE("/mechanism/info_follows_the_capabilities", info_follows_the_capabilities),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
