#include "core/key/pkcs11/signing.h"

#include "core/key/digest_info.h"
#include "core/key/pkcs11/ckr.h"
#include "core/key/pkcs11/host.h"
#include "core/key/pkcs11/lease.h"
#include "core/key/pkcs11/pin.h"
#include "core/key/pkcs11/slot_search.h"

#define ATTEMPTS 3 /* one, one more after a session or the library was lost, a third for bad luck in a race */

/* One operation: its mechanism and, for PKCS#1 with a named hash, the DigestInfo. */
struct operation {
  CK_MECHANISM mechanism;
  CK_RSA_PKCS_PSS_PARAMS pss;
  struct kg_span input;
  bool is_free; /* data of the application's choice, and no digest */
  unsigned char digest_info[KG_DIGEST_INFO_MAX];
};

static void set_pss(struct operation *operation, const struct kg_sign_params *params) {
  static const struct {
    enum kg_hash hash;
    CK_MECHANISM_TYPE mechanism;
    CK_RSA_PKCS_MGF_TYPE mgf;
  } hashes[] = {{KG_HASH_SHA256, CKM_SHA256, CKG_MGF1_SHA256},
                {KG_HASH_SHA384, CKM_SHA384, CKG_MGF1_SHA384},
                {KG_HASH_SHA512, CKM_SHA512, CKG_MGF1_SHA512}};
  for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++)
    if (hashes[i].hash == params->hash)
      operation->pss = (CK_RSA_PKCS_PSS_PARAMS){hashes[i].mechanism, hashes[i].mgf, (CK_ULONG)params->salt_len};
  operation->mechanism = (CK_MECHANISM){CKM_RSA_PKCS_PSS, &operation->pss, sizeof operation->pss};
}

static void set_operation(struct operation *operation, const struct kg_sign_params *params, struct kg_span input) {
  static const unsigned char nothing;
  operation->input = input.data != NULL ? input : kg_span_of(&nothing, 0); /* some libraries refuse NULL */
  operation->is_free = params->hash == KG_HASH_NONE;
  operation->mechanism = (CK_MECHANISM){CKM_RSA_PKCS, NULL, 0};
  if (params->padding == KG_PADDING_PSS) {
    set_pss(operation, params);
  } else if (params->hash != KG_HASH_NONE) {
    size_t len = kg_digest_info_format(params->hash, input, operation->digest_info);
    operation->input = kg_span_of(operation->digest_info, len);
  }
}

/* What C_Sign and C_Verify say of the data is true only of data that the application chose: length and contents of a
 * digest are ours. */
static enum kg_status failed(const struct operation *operation, const char *function, CK_RV rv,
                             struct kg_error *error) {
  enum kg_status status = kg_ckr_error(error, function, rv);
  if (!operation->is_free) return status;
  if (rv == CKR_DATA_INVALID) return kg_error_change(error, KG_E_KEY_DATA);
  return rv == CKR_DATA_LEN_RANGE ? kg_error_change(error, KG_E_KEY_INPUT) : status;
}

static enum kg_status login_for_key(struct kg_backing_key *key, struct kg_backing *backing, struct kg_lane *lane,
                                    struct kg_error *error) {
  CK_SLOT_ID slot;
  CK_TOKEN_INFO info;
  enum kg_status status = kg_backing_find_slot(key, backing, &slot, &info, error);
  if (status != KG_OK) return status;
  return kg_backing_login(key, backing, CKU_CONTEXT_SPECIFIC, lane->session, &info, error);
}

/* `*rv` is the library's answer, CKR_OK where it was not to blame. */
static enum kg_status sign_in(struct kg_backing_key *key, struct kg_backing *backing, struct kg_lane *lane,
                              struct operation *operation, unsigned char *signature, CK_RV *rv,
                              struct kg_error *error) {
  CK_ULONG len = key->key.info.bits / 8;
  *rv = backing->f->C_SignInit(lane->session, &operation->mechanism, lane->private_key);
  if (*rv != CKR_OK) return kg_ckr_error(error, "C_SignInit", *rv);
  if (key->always_authenticate) {
    enum kg_status status = login_for_key(key, backing, lane, error);
    if (status != KG_OK) return status;
  }
  *rv = backing->f->C_Sign(lane->session, (CK_BYTE *)operation->input.data, (CK_ULONG)operation->input.len, signature,
                           &len);
  if (*rv != CKR_OK) return failed(operation, "C_Sign", *rv, error);
  if (len == key->key.info.bits / 8) return KG_OK;
  return kg_error_set(error, KG_E_KEY_DEAD, "C_Sign gave %lu bytes, not %u", (unsigned long)len,
                      key->key.info.bits / 8);
}

static enum kg_status verify_in(struct kg_backing *backing, struct kg_lane *lane, struct operation *operation,
                                struct kg_span signature, CK_RV *rv, struct kg_error *error) {
  if (lane->public_key == 0)
    return kg_error_set(error, KG_E_KEY_MECHANISM, "the token has no public key object for this key any more");
  *rv = backing->f->C_VerifyInit(lane->session, &operation->mechanism, lane->public_key);
  if (*rv != CKR_OK) return kg_ckr_error(error, "C_VerifyInit", *rv);
  *rv = backing->f->C_Verify(lane->session, (CK_BYTE *)operation->input.data, (CK_ULONG)operation->input.len,
                             (CK_BYTE *)signature.data, (CK_ULONG)signature.len);
  if (*rv == CKR_OK) return KG_OK;
  enum kg_status status = failed(operation, "C_Verify", *rv, error);
  bool says_no = *rv == CKR_SIGNATURE_INVALID || *rv == CKR_SIGNATURE_LEN_RANGE;
  return says_no ? kg_error_change(error, KG_E_SIGNATURE) : status;
}

static bool is_session_gone(CK_RV rv) {
  return rv == CKR_CRYPTOKI_NOT_INITIALIZED || rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_SESSION_CLOSED;
}

/* The library or our session was taken from us, or its handles are stale; what can be opened anew may be tried anew. */
static bool is_lost(CK_RV rv) {
  return is_session_gone(rv) || rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OBJECT_HANDLE_INVALID ||
         rv == CKR_USER_NOT_LOGGED_IN || rv == CKR_OPERATION_ACTIVE;
}

/* A session that vanished though nobody said that the library was finalised: the host uses the library too and closed
 * all sessions, or finalised and initialised it again. Either way it is the host's from now on, not ours to end, and
 * the numbers of our other sessions may already be the host's. */
static void note_loss(struct kg_backing *backing, const struct kg_lane *lane, CK_RV rv) {
  unsigned epoch = lane->epoch;
  if (rv == CKR_CRYPTOKI_NOT_INITIALIZED || !is_session_gone(rv)) return;
  if (atomic_compare_exchange_strong(&backing->epoch, &epoch, epoch + 1)) atomic_store(&backing->owned, false);
}

/* After a failure nobody knows what is left in the session; a signature that is only wrong leaves nothing. */
static void give_back(struct kg_backing *backing, struct kg_lane *lane, enum kg_status status, CK_RV rv) {
  note_loss(backing, lane, rv);
  if (is_session_gone(rv))
    kg_lease_forget(backing, lane);
  else if (status == KG_OK || status == KG_E_SIGNATURE)
    kg_lease_give(backing, lane);
  else
    kg_lease_drop(backing, lane);
}

/* Another thread had to initialise the library anew since the session was chosen: its number and the key's may have
 * been another's by then, so the answer, good or bad, says nothing. Nothing of it is kept or given out. */
static bool is_meaningless(struct kg_backing *backing, const struct kg_lane *lane, enum kg_status *status, CK_RV *rv,
                           struct kg_error *error) {
  if (lane->epoch == atomic_load(&backing->epoch)) return false;
  if (!is_session_gone(*rv)) {
    *rv = CKR_SESSION_HANDLE_INVALID;
    *status = kg_ckr_error(error, "the operation, on a library that was initialised anew,", *rv);
  }
  return true;
}

/* `out` NULL: verify `signature`; else sign. `error` is not NULL. */
static enum kg_status once(struct kg_backing_key *key, struct operation *operation, struct kg_span signature,
                           unsigned char *out, bool *again, struct kg_error *error) {
  struct kg_backing *backing;
  enum kg_status status = kg_backing_of(key, &backing, error);
  if (status != KG_OK) return status;
  unsigned epoch = atomic_load(&backing->epoch);
  struct kg_lane *lane = NULL;
  status = kg_lease_take(key, backing, &lane, error);
  CK_RV rv = CKR_OK;
  if (status == KG_OK) {
    status = out != NULL ? sign_in(key, backing, lane, operation, out, &rv, error)
                         : verify_in(backing, lane, operation, signature, &rv, error);
    if (is_meaningless(backing, lane, &status, &rv, error)) {
      kg_lease_forget(backing, lane);
      if (out != NULL) kg_wipe(out, key->key.info.bits / 8);
    } else {
      give_back(backing, lane, status, rv);
    }
  } else if (status == KG_E_KEY_STORE || status == KG_E_KEY_DEAD || status == KG_E_KEY_PIN) {
    rv = (CK_RV)error->native_code; /* of a token's function, not an errno */
  }
  *again = is_lost(rv) || (status != KG_OK && status != KG_E_SIGNATURE && kg_backing_reconnect(backing, epoch));
  if (rv != CKR_CRYPTOKI_NOT_INITIALIZED) return status;
  return kg_backing_renew(backing, epoch, error) == KG_OK ? status : error->status;
}

/* `out` NULL: verify `signature`; else sign. */
static enum kg_status run(struct kg_backing_key *key, const struct kg_sign_params *params, struct kg_span input,
                          struct kg_span signature, unsigned char *out, struct kg_error *error) {
  struct kg_error local;
  if (error == NULL) error = &local; /* the code that a retry depends on is in it */
  struct operation operation;
  set_operation(&operation, params, input);
  bool entered = kg_host_enter();
  enum kg_status status = KG_E_BUG;
  bool again = true;
  unsigned attempt = 0;
  for (; again && attempt < ATTEMPTS; attempt++) {
    again = false;
    status = once(key, &operation, signature, out, &again, error);
  }
  kg_host_leave(entered);
  if (status == KG_OK && attempt > 1) kg_error_clear(error); /* of those before */
  return status;
}

enum kg_status kg_backing_key_sign(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                                   unsigned char *signature, struct kg_error *error) {
  return run((struct kg_backing_key *)key, params, input, (struct kg_span){NULL, 0}, signature, error);
}

enum kg_status kg_backing_key_verify(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                                     struct kg_span signature, struct kg_error *error) {
  return run((struct kg_backing_key *)key, params, input, signature, NULL, error);
}

static bool signs_with_salt(struct kg_backing_key *key, struct kg_backing *backing, struct kg_lane *lane, unsigned salt,
                            CK_RV *rv) {
  static const unsigned char digest[32];
  const struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, salt};
  struct operation operation;
  set_operation(&operation, &params, kg_span_of(digest, sizeof digest));
  unsigned char signature[KG_SIGNATURE_MAX];
  return sign_in(key, backing, lane, &operation, signature, rv, NULL) == KG_OK;
}

static bool is_about_the_salt(CK_RV rv) {
  return rv == CKR_MECHANISM_PARAM_INVALID || rv == CKR_MECHANISM_INVALID || rv == CKR_ARGUMENTS_BAD;
}

/* Tokens refuse a salt with any code. So whatever the code, one that signs with a salt as long as the hash right after
 * it refused another twice has answered; one that does not has told nothing, and is asked when somebody signs. */
static bool takes_any_salt(struct kg_backing_key *key, struct kg_backing *backing, struct kg_lane *lane) {
  CK_RV rv = CKR_OK;
  if (signs_with_salt(key, backing, lane, 0, &rv)) return true;
  if (is_about_the_salt(rv)) return false;
  return signs_with_salt(key, backing, lane, 0, &rv) || !signs_with_salt(key, backing, lane, 32, &rv);
}

/* tpm2-pkcs11 cannot, known; a key that asks for a PIN each time is not used for a guess. */
bool kg_backing_key_takes_any_salt(struct kg_backing_key *key, struct kg_backing *backing, struct kg_lane *lane,
                                   bool trial) {
  if (!(key->key.info.capabilities & KG_CAN_SIGN_PSS) || backing->is_tpm2 || key->always_authenticate) return false;
  return !trial || takes_any_salt(key, backing, lane);
}
