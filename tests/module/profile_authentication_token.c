/* The Authentication Token profile: who has a certificate of the token finds its private key by CKA_ID, and signs. */
#include "profile.h"

#include <openssl/bn.h>
#include <openssl/x509.h>
#include <string.h>

static struct host *host;

static const CK_BYTE data[] = "what the other side wants to see signed";

static void is_number(const CK_BYTE *value, CK_ULONG len, const char *name) {
  BIGNUM *expected = NULL, *got = BN_bin2bn(value, (int)len, NULL);
  must(EVP_PKEY_get_bn_param(host->identities[0].key, name, &expected));
  must(got != NULL && BN_cmp(expected, got) == 0);
  BN_free(expected);
  BN_free(got);
}

/* The case gives 1024 bytes of room to each at once. */
static void read_public_key(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
  CK_BYTE modulus[1024], exponent[1024];
  CK_ATTRIBUTE wanted[] = {{CKA_MODULUS, modulus, sizeof modulus}, {CKA_PUBLIC_EXPONENT, exponent, sizeof exponent}};
  must_be(CKR_OK, host->p11->C_GetAttributeValue(session, key, wanted, 2));
  is_number(modulus, wanted[0].ulValueLen, "n");
  is_number(exponent, wanted[1].ulValueLen, "e");
}

static void verify(EVP_PKEY *key, const CK_BYTE *signature, CK_ULONG len) {
  EVP_MD_CTX *ctx = EVP_MD_CTX_new();
  must(ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1);
  must(EVP_DigestVerify(ctx, signature, len, data, sizeof data) == 1);
  EVP_MD_CTX_free(ctx);
}

static void sign(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_BYTE signature[256]) {
  CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
  must_be(CKR_OK, host->p11->C_SignInit(session, &mechanism, key));
  CK_ULONG len = 256;
  must_be(CKR_OK, host->p11->C_Sign(session, (CK_BYTE *)data, sizeof data, signature, &len));
  must(len == 256);
}

/* AUTH-M-1-31 */
static void mandatory_test_case(void) {
  profile_initialize(host);
  CK_SLOT_ID slot = profile_first_slot(host);
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_OK, host->p11->C_OpenSession(slot, CKF_RW_SESSION | CKF_SERIAL_SESSION, NULL, NULL, &session));
  must_be(CKR_OK, host->p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)"1234", 4));
  read_public_key(session, profile_find_labelled(host, session, CKO_PUBLIC_KEY));
  CK_BYTE signature[256];
  sign(session, profile_find_labelled(host, session, CKO_PRIVATE_KEY), signature);
  verify(host->identities[0].key, signature, sizeof signature);
  must_be(CKR_OK, host->p11->C_Logout(session));
  profile_finish(host, slot, session);
}

/* What the profile is for: certificate, its CKA_ID, the key with the same one, login, signature. The verifier knows
 * nothing but the certificate. */
static void key_is_found_by_the_id_of_the_certificate(void) {
  static CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY, public_key = CKO_PUBLIC_KEY;
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_OBJECT_HANDLE certificate = host_find(host, session, CKO_CERTIFICATE);
  CK_ULONG id_len = 0;
  CK_BYTE *id = profile_read(host, session, certificate, CKA_ID, &id_len);
  CK_ULONG der_len = 0;
  CK_BYTE *der = profile_read(host, session, certificate, CKA_VALUE, &der_len);
  must_be(CKR_OK, host->p11->C_Login(session, CKU_USER, NULL, 0));
  CK_OBJECT_HANDLE keys[2];
  must(profile_find(host, session,
                    (CK_ATTRIBUTE[]){{CKA_CLASS, &private_key, sizeof private_key}, {CKA_ID, id, id_len}}, 2, keys,
                    2) == 1);
  must(profile_flag(host, session, keys[0], CKA_SIGN));
  CK_BYTE signature[256];
  sign(session, keys[0], signature);
  must(profile_find(host, session, (CK_ATTRIBUTE[]){{CKA_CLASS, &public_key, sizeof public_key}, {CKA_ID, id, id_len}},
                    2, keys, 2) == 1);
  must(profile_flag(host, session, keys[0], CKA_VERIFY));
  const unsigned char *at = der;
  X509 *x509 = d2i_X509(NULL, &at, (long)der_len);
  must(x509 != NULL);
  verify(X509_get0_pubkey(x509), signature, sizeof signature);
  X509_free(x509);
  free(id);
  free(der);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

/* Beyond the profile: services have nobody to log in. */
static void login_is_not_needed(void) {
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_BYTE signature[256];
  sign(session, profile_find_labelled(host, session, CKO_PRIVATE_KEY), signature);
  verify(host->identities[0].key, signature, sizeof signature);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

static void is_claimed(void) {
  profile_is_claimed(host, CKP_AUTHENTICATION_TOKEN);
}

static const struct host_case cases[] = {
    {"/authentication_token/mandatory_test_case", mandatory_test_case},
    {"/authentication_token/key_is_found_by_the_id_of_the_certificate", key_is_found_by_the_id_of_the_certificate},
    {"/authentication_token/login_is_not_needed", login_is_not_needed},
    {"/authentication_token/is_claimed", is_claimed},
};

PROFILE_MAIN(cases)
