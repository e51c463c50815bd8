/* Signatures: every mechanism, single and multi part, against OpenSSL and back through C_Verify. */
#include "host.h"

#include "core/key/digest_info.h"

#include <string.h>

static struct host *host;
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE private_key, public_key;
static CK_BYTE message[3000];

struct row {
  CK_MECHANISM_TYPE type;
  struct kg_sign_params params;
  bool hashes;
};
#define PKCS1 KG_PADDING_PKCS1
#define PSS KG_PADDING_PSS
static const struct row rows[] = {
    {CKM_RSA_PKCS, {PKCS1, KG_HASH_SHA256, 0}, false},
    {CKM_RSA_PKCS, {PKCS1, KG_HASH_SHA384, 0}, false},
    {CKM_RSA_PKCS, {PKCS1, KG_HASH_SHA512, 0}, false}, /* ssh: 83 bytes */
    {CKM_RSA_PKCS_PSS, {PSS, KG_HASH_SHA256, 32}, false},
    {CKM_RSA_PKCS_PSS, {PSS, KG_HASH_SHA384, 48}, false},
    {CKM_RSA_PKCS_PSS, {PSS, KG_HASH_SHA512, 64}, false},
    {CKM_RSA_PKCS_PSS, {PSS, KG_HASH_SHA256, 0}, false},
    {CKM_RSA_PKCS_PSS, {PSS, KG_HASH_SHA256, 222}, false},
    {CKM_SHA256_RSA_PKCS, {PKCS1, KG_HASH_SHA256, 0}, true},
    {CKM_SHA384_RSA_PKCS, {PKCS1, KG_HASH_SHA384, 0}, true},
    {CKM_SHA512_RSA_PKCS, {PKCS1, KG_HASH_SHA512, 0}, true},
    {CKM_SHA256_RSA_PKCS_PSS, {PSS, KG_HASH_SHA256, 32}, true},
    {CKM_SHA384_RSA_PKCS_PSS, {PSS, KG_HASH_SHA384, 48}, true},
    {CKM_SHA512_RSA_PKCS_PSS, {PSS, KG_HASH_SHA512, 64}, true},
    {CKM_SHA512_RSA_PKCS_PSS, {PSS, KG_HASH_SHA512, 20}, true},
};
#define ROWS (sizeof rows / sizeof rows[0])

/* The mechanism with its parameters, valid until the next one. */
static CK_MECHANISM *mechanism_of(const struct row *row) {
  static CK_RSA_PKCS_PSS_PARAMS pss;
  static CK_MECHANISM mechanism;
  static const CK_MECHANISM_TYPE hashes[] = {0, 0, CKM_SHA256, CKM_SHA384, CKM_SHA512};
  static const CK_RSA_PKCS_MGF_TYPE mgfs[] = {0, 0, CKG_MGF1_SHA256, CKG_MGF1_SHA384, CKG_MGF1_SHA512};
  mechanism.mechanism = row->type;
  mechanism.pParameter = NULL;
  mechanism.ulParameterLen = 0;
  if (row->params.padding != PSS) return &mechanism;
  pss.hashAlg = hashes[row->params.hash];
  pss.mgf = mgfs[row->params.hash];
  pss.sLen = row->params.salt_len;
  mechanism.pParameter = &pss;
  mechanism.ulParameterLen = sizeof pss;
  return &mechanism;
}

/* What a client of this mechanism gives for `len` bytes of message: them, their digest, or its DigestInfo. */
static CK_ULONG input_of(const struct row *row, CK_ULONG len, CK_BYTE *out, unsigned char *digest) {
  size_t size = kg_hash_size(row->params.hash);
  kg_hash_once(row->params.hash, kg_span_of(message, len), digest);
  if (row->hashes) memcpy(out, message, len);
  if (row->hashes) return len;
  if (row->type == CKM_RSA_PKCS) return kg_digest_info_format(row->params.hash, kg_span_of(digest, size), out);
  memcpy(out, digest, size);
  return size;
}

static void must_verify(const struct row *row, const unsigned char *digest, const CK_BYTE *signature) {
  must(host_verifies(host->identities[0].key, &row->params, kg_span_of(digest, kg_hash_size(row->params.hash)),
                     kg_span_of(signature, 256)));
}

static void once_signs_and_verifies(void) {
  static const CK_ULONG lengths[] = {0, 1, 111, 3000};
  CK_BYTE input[sizeof message], signature[256];
  unsigned char digest[KG_HASH_MAX_SIZE];
  for (size_t r = 0; r < ROWS; r++)
    for (size_t l = 0; l < 4; l++) {
      CK_ULONG len = input_of(&rows[r], lengths[l], input, digest);
      must_be(CKR_OK, host->p11->C_SignInit(session, mechanism_of(&rows[r]), private_key));
      CK_ULONG size = 256;
      must_be(CKR_OK, host->p11->C_Sign(session, input, len, signature, &size));
      must_verify(&rows[r], digest, signature);
      must_be(CKR_OK, host->p11->C_VerifyInit(session, mechanism_of(&rows[r]), public_key));
      must_be(CKR_OK, host->p11->C_Verify(session, input, len, signature, size));
      signature[17] ^= 1;
      must_be(CKR_OK, host->p11->C_VerifyInit(session, mechanism_of(&rows[r]), public_key));
      must_be(CKR_SIGNATURE_INVALID, host->p11->C_Verify(session, input, len, signature, size));
    }
}

static void give_parts(CK_RV (*update)(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG), CK_ULONG step) {
  for (CK_ULONG at = 0; at < sizeof message; at += step)
    must_be(CKR_OK, update(session, message + at, sizeof message - at < step ? sizeof message - at : step));
}

static void parts_sign_and_verify(void) {
  static const CK_ULONG steps[] = {1, 63, 64, 128, 1000, 3000};
  CK_BYTE signature[256];
  unsigned char digest[KG_HASH_MAX_SIZE];
  for (size_t r = 0; r < ROWS; r++)
    for (size_t s = 0; s < 6 && rows[r].hashes; s++) {
      CK_ULONG size = sizeof signature;
      kg_hash_once(rows[r].params.hash, kg_span_of(message, sizeof message), digest);
      must_be(CKR_OK, host->p11->C_SignInit(session, mechanism_of(&rows[r]), private_key));
      give_parts(host->p11->C_SignUpdate, steps[s]);
      must_be(CKR_OK, host->p11->C_SignFinal(session, signature, &size));
      must_verify(&rows[r], digest, signature);
      must_be(CKR_OK, host->p11->C_VerifyInit(session, mechanism_of(&rows[r]), public_key));
      give_parts(host->p11->C_VerifyUpdate, steps[5 - s]);
      must_be(CKR_OK, host->p11->C_VerifyFinal(session, signature, size));
    }
}

static void wrong_input_is_named(void) {
  CK_BYTE signature[256] = {0};
  CK_ULONG size = sizeof signature;
  must_be(CKR_OK, host->p11->C_SignInit(session, &host_pss, private_key));
  CK_BYTE big[300] = {0};
  must_be(CKR_DATA_LEN_RANGE, host->p11->C_Sign(session, big, 31, signature, &size));
  must_be(CKR_OPERATION_NOT_INITIALIZED, host->p11->C_Sign(session, big, 32, signature, &size));
  CK_MECHANISM raw = {CKM_RSA_PKCS, NULL, 0};
  must_be(CKR_OK, host->p11->C_SignInit(session, &raw, private_key));
  must_be(CKR_DATA_LEN_RANGE, host->p11->C_Sign(session, big, 246, signature, &size));
  must_be(CKR_OK, host->p11->C_SignInit(session, &raw, private_key));
  must_be(CKR_DATA_LEN_RANGE, host->p11->C_Sign(session, big, (CK_ULONG)-1, signature, &size));
  CK_MECHANISM hashed = {CKM_SHA256_RSA_PKCS, NULL, 0};
  must_be(CKR_OK, host->p11->C_SignInit(session, &hashed, private_key));
  must_be(CKR_ARGUMENTS_BAD, host->p11->C_Sign(session, NULL, 1, signature, &size));
  must_be(CKR_OK, host->p11->C_VerifyInit(session, &hashed, public_key));
  must_be(CKR_SIGNATURE_LEN_RANGE, host->p11->C_Verify(session, big, 1, signature, 255));
  must_be(CKR_OK, host->p11->C_VerifyInit(session, &hashed, public_key));
  must_be(CKR_ARGUMENTS_BAD, host->p11->C_Verify(session, big, 1, NULL, 256));
  host_sign_checked(host, session, private_key, host->identities[0].key);
}

static void wrong_keys_and_mechanisms_are_named(void) {
  CK_MECHANISM none = {CKM_RSA_X_509, NULL, 0};
  CK_OBJECT_HANDLE certificate = host_find(host, session, CKO_CERTIFICATE);
  must_be(CKR_MECHANISM_INVALID, host->p11->C_SignInit(session, &none, private_key));
  CK_MECHANISM digest = {CKM_SHA256, NULL, 0};
  must_be(CKR_MECHANISM_INVALID, host->p11->C_SignInit(session, &digest, private_key));
  must_be(CKR_MECHANISM_INVALID, host->p11->C_DigestInit(session, &host_pss));
  CK_MECHANISM bare = {CKM_RSA_PKCS_PSS, NULL, 0};
  must_be(CKR_MECHANISM_PARAM_INVALID, host->p11->C_SignInit(session, &bare, private_key));
  must_be(CKR_KEY_HANDLE_INVALID, host->p11->C_SignInit(session, &host_pss, 0));
  must_be(CKR_KEY_HANDLE_INVALID, host->p11->C_SignInit(session, &host_pss, certificate));
  must_be(CKR_KEY_FUNCTION_NOT_PERMITTED, host->p11->C_SignInit(session, &host_pss, public_key));
  must_be(CKR_KEY_FUNCTION_NOT_PERMITTED, host->p11->C_VerifyInit(session, &host_pss, private_key));
  host_sign_checked(host, session, private_key, host->identities[0].key);
}

static void null_mechanism_cancels(void) {
  must_be(CKR_OK, host->p11->C_SignInit(session, &host_pss, private_key));
  must_be(CKR_OPERATION_ACTIVE, host->p11->C_SignInit(session, &host_pss, private_key));
  must_be(CKR_OK, host->p11->C_SignInit(session, NULL, 0));
  host_sign_checked(host, session, private_key, host->identities[0].key);
}

static void a_running_digest_moves_to_another_session(void) {
  CK_SESSION_HANDLE other = host_open(host, 0);
  CK_BYTE state[512], got[64];
  CK_ULONG state_len = sizeof state, len = sizeof got;
  must_be(CKR_OPERATION_NOT_INITIALIZED, host->p11->C_GetOperationState(session, state, &state_len));
  CK_MECHANISM mechanism = {CKM_SHA512, NULL, 0};
  must_be(CKR_OK, host->p11->C_DigestInit(session, &mechanism));
  must_be(CKR_OK, host->p11->C_DigestUpdate(session, message, 1000));
  state_len = sizeof state;
  must_be(CKR_OK, host->p11->C_GetOperationState(session, state, &state_len));
  must_be(CKR_KEY_NOT_NEEDED, host->p11->C_SetOperationState(other, state, state_len, private_key, 0));
  must_be(CKR_SAVED_STATE_INVALID, host->p11->C_SetOperationState(other, state, state_len - 1, 0, 0));
  must_be(CKR_OK, host->p11->C_SetOperationState(other, state, state_len, 0, 0));
  must_be(CKR_OK, host->p11->C_DigestUpdate(other, message + 1000, sizeof message - 1000));
  must_be(CKR_OK, host->p11->C_DigestFinal(other, got, &len));
  unsigned char expected[KG_HASH_MAX_SIZE];
  kg_hash_once(KG_HASH_SHA512, kg_span_of(message, sizeof message), expected);
  must(len == 64 && memcmp(got, expected, 64) == 0);
  must_be(CKR_OK, host->p11->C_SignInit(session, &host_pss, private_key));
  must_be(CKR_STATE_UNSAVEABLE, host->p11->C_GetOperationState(session, state, &state_len));
  must_be(CKR_OK, host->p11->C_SessionCancel(session, CKF_SIGN | CKF_DIGEST));
  must_be(CKR_OK, host->p11->C_CloseSession(other));
}

static void what_would_change_the_token_is_refused(void) {
  CK_SESSION_HANDLE rw = host_open(host, CKF_RW_SESSION);
  CK_BBOOL yes = CK_TRUE;
  CK_ATTRIBUTE token = {CKA_TOKEN, &yes, sizeof yes};
  CK_OBJECT_HANDLE object = 0;
  must_be(CKR_SESSION_READ_ONLY, host->p11->C_CreateObject(session, &token, 1, &object));
  must_be(CKR_TOKEN_WRITE_PROTECTED, host->p11->C_CreateObject(rw, &token, 1, &object));
  must_be(CKR_TOKEN_WRITE_PROTECTED, host->p11->C_CreateObject(session, NULL, 0, &object));
  must_be(CKR_ARGUMENTS_BAD, host->p11->C_CreateObject(rw, NULL, 1, &object));
  must_be(CKR_ACTION_PROHIBITED, host->p11->C_DestroyObject(rw, private_key));
  must_be(CKR_SESSION_READ_ONLY, host->p11->C_DestroyObject(session, private_key));
  must_be(CKR_OBJECT_HANDLE_INVALID, host->p11->C_DestroyObject(rw, 4711));
  must_be(CKR_ACTION_PROHIBITED, host->p11->C_CopyObject(rw, private_key, NULL, 0, &object));
  must_be(CKR_ACTION_PROHIBITED, host->p11->C_SetAttributeValue(rw, private_key, &token, 1));
  host_sign_checked(host, rw, private_key, host->identities[0].key);
  must_be(CKR_OK, host->p11->C_CloseSession(rw));
}

static const struct host_case cases[] = {
    {"/sign/once_signs_and_verifies", once_signs_and_verifies},
    {"/sign/parts_sign_and_verify", parts_sign_and_verify},
    {"/sign/wrong_input_is_named", wrong_input_is_named},
    {"/sign/wrong_keys_and_mechanisms_are_named", wrong_keys_and_mechanisms_are_named},
    {"/sign/null_mechanism_cancels", null_mechanism_cancels},
    {"/sign/a_running_digest_moves_to_another_session", a_running_digest_moves_to_another_session},
    {"/sign/what_would_change_the_token_is_refused", what_would_change_the_token_is_refused},
};

int main(int argc, char **argv) {
  host = host_new();
  host_start(host);
  for (size_t i = 0; i < sizeof message; i++)
    message[i] = (CK_BYTE)(i * 31 + i / 256);
  session = host_open(host, 0);
  private_key = host_find(host, session, CKO_PRIVATE_KEY);
  public_key = host_find(host, session, CKO_PUBLIC_KEY);
  return host_finish(&host, argc, argv, cases, sizeof cases / sizeof cases[0]);
}
