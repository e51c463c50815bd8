#include "core/key_store_pkcs11.h"

#include "core/digest_info.h"
#include "core/fork.h"

#include <stdlib.h>
#include <string.h>

#define ATTEMPTS                                                                                                       \
  3 /* one, and one more after a session or the whole library was lost; a third for bad luck in a race                 \
     */

static struct kg_token_key *of(struct kg_key *key) {
  return (struct kg_token_key *)key;
}

/* One operation: its mechanism and, for PKCS#1 with a named hash, the DigestInfo. */
struct operation {
  CK_MECHANISM mechanism;
  CK_RSA_PKCS_PSS_PARAMS pss;
  struct kg_span input;
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
  operation->mechanism = (CK_MECHANISM){CKM_RSA_PKCS, NULL, 0};
  if (params->padding == KG_PADDING_PSS) {
    set_pss(operation, params);
  } else if (params->hash != KG_HASH_NONE) {
    size_t len = kg_digest_info_format(params->hash, input, operation->digest_info);
    operation->input = kg_span_of(operation->digest_info, len);
  }
}

static enum kg_status login_for_key(struct kg_token_key *key, struct kg_backing *backing, struct kg_lane *lane,
                                    struct kg_error *error) {
  CK_SLOT_ID slot;
  CK_TOKEN_INFO info;
  enum kg_status status = kg_token_find(key, backing, &slot, &info, error);
  if (status != KG_OK) return status;
  return kg_token_login(key, backing, CKU_CONTEXT_SPECIFIC, lane->session, &info, error);
}

/* `*rv` is the library's answer, CKR_OK where it was not to blame. */
static enum kg_status sign_in(struct kg_token_key *key, struct kg_backing *backing, struct kg_lane *lane,
                              struct operation *operation, unsigned char *signature, CK_RV *rv,
                              struct kg_error *error) {
  CK_ULONG len = key->key.info.bits / 8;
  *rv = backing->f->C_SignInit(lane->session, &operation->mechanism, lane->private_key);
  if (*rv != CKR_OK) return kg_token_error(error, "C_SignInit", *rv);
  if (key->always_authenticate) {
    enum kg_status status = login_for_key(key, backing, lane, error);
    if (status != KG_OK) return status;
  }
  *rv = backing->f->C_Sign(lane->session, (CK_BYTE *)operation->input.data, (CK_ULONG)operation->input.len, signature,
                           &len);
  if (*rv != CKR_OK) return kg_token_error(error, "C_Sign", *rv);
  if (len == key->key.info.bits / 8) return KG_OK;
  return kg_error_set(error, KG_E_KEY_DEAD, "C_Sign gave %lu bytes, not %u", (unsigned long)len,
                      key->key.info.bits / 8);
}

static enum kg_status verify_in(struct kg_backing *backing, struct kg_lane *lane, struct operation *operation,
                                struct kg_span signature, CK_RV *rv, struct kg_error *error) {
  if (lane->public_key == 0)
    return kg_error_set(error, KG_E_KEY_MECHANISM, "the token has no public key object for this key any more");
  *rv = backing->f->C_VerifyInit(lane->session, &operation->mechanism, lane->public_key);
  if (*rv != CKR_OK) return kg_token_error(error, "C_VerifyInit", *rv);
  *rv = backing->f->C_Verify(lane->session, (CK_BYTE *)operation->input.data, (CK_ULONG)operation->input.len,
                             (CK_BYTE *)signature.data, (CK_ULONG)signature.len);
  return *rv != CKR_OK ? kg_token_error(error, "C_Verify", *rv) : KG_OK;
}

/* The library or our session was taken from us, or its handles are stale; what can be opened anew may be tried anew. */
static bool is_lost(CK_RV rv) {
  return rv == CKR_CRYPTOKI_NOT_INITIALIZED || rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_SESSION_CLOSED ||
         rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OBJECT_HANDLE_INVALID || rv == CKR_USER_NOT_LOGGED_IN ||
         rv == CKR_OPERATION_ACTIVE;
}

/* A session that vanished though nobody said that the library was finalised: the host uses the library too and closed
 * all sessions, or finalised and initialised it again. Either way it is the host's from now on, not ours to end. */
static void note_loss(struct kg_backing *backing, const struct kg_lane *lane, CK_RV rv) {
  bool is_surprise = rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_SESSION_CLOSED;
  if (is_surprise && lane->epoch == atomic_load(&backing->epoch)) atomic_store(&backing->owned, false);
}

/* `signature.data` NULL: sign into `out`; else verify. */
static enum kg_status once(struct kg_token_key *key, struct operation *operation, struct kg_span signature,
                           unsigned char *out, bool *again, struct kg_error *error) {
  struct kg_backing *backing;
  struct kg_lane *lane = NULL;
  CK_RV rv = CKR_OK;
  enum kg_status status = kg_backing_of(key, &backing, error);
  if (status != KG_OK) return status;
  unsigned epoch = atomic_load(&backing->epoch);
  status = kg_session_take(key, backing, &lane, error);
  if (status == KG_OK) {
    status = signature.data == NULL ? sign_in(key, backing, lane, operation, out, &rv, error)
                                    : verify_in(backing, lane, operation, signature, &rv, error);
    note_loss(backing, lane, rv);
    /* After a failure nobody knows what is left in the session; a signature that is only wrong leaves nothing. */
    if (status == KG_OK || status == KG_E_SIGNATURE)
      kg_session_give(backing, lane);
    else
      kg_session_drop(backing, lane);
  } else if (error != NULL) {
    rv = (CK_RV)error->native_code;
  }
  *again = is_lost(rv);
  if (rv != CKR_CRYPTOKI_NOT_INITIALIZED) return status;
  return kg_backing_renew(backing, epoch, error) == KG_OK ? status : error->status;
}

static enum kg_status run(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                          struct kg_span signature, unsigned char *out, struct kg_error *error) {
  struct operation operation;
  struct kg_error local;
  enum kg_status status = KG_E_BUG;
  bool again = true;
  if (error == NULL) error = &local; /* the code that a retry depends on is in it */
  set_operation(&operation, params, input);
  for (unsigned attempt = 0; again && attempt < ATTEMPTS; attempt++) {
    again = false;
    status = once(of(key), &operation, signature, out, &again, error);
    if (status == KG_OK) kg_error_clear(error);
    if (status == KG_OK) break;
  }
  kg_wipe(operation.digest_info, sizeof operation.digest_info);
  return status;
}

static enum kg_status sign(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                           unsigned char *signature, struct kg_error *error) {
  return run(key, params, input, (struct kg_span){NULL, 0}, signature, error);
}

static enum kg_status verify(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                             struct kg_span signature, struct kg_error *error) {
  return run(key, params, input, signature, NULL, error);
}

/* Whether the token takes a salt of another length than the hash, by one signature. tpm2-pkcs11 cannot, known; a key
 * that asks for a PIN each time is not used for a guess. */
static void probe_salt(struct kg_token_key *key, struct kg_backing *backing, struct kg_lane *lane) {
  static const unsigned char digest[32];
  static const struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 0};
  unsigned char signature[KG_SIGNATURE_MAX];
  struct operation operation;
  CK_RV rv;
  if (!(key->key.info.capabilities & KG_CAN_SIGN_PSS) || backing->is_tpm2 || key->always_authenticate) return;
  set_operation(&operation, &params, kg_span_of(digest, sizeof digest));
  if (sign_in(key, backing, lane, &operation, signature, &rv, NULL) == KG_OK)
    key->key.info.capabilities |= KG_CAN_PSS_ANY_SALT;
}

static enum kg_status pin_token(struct kg_token_key *key, const CK_TOKEN_INFO *info, struct kg_error *error) {
  size_t len = sizeof info->serialNumber;
  while (len > 0 && (info->serialNumber[len - 1] == ' ' || info->serialNumber[len - 1] == '\0'))
    len--;
  if (key->uri.serial != NULL || len == 0) return KG_OK;
  key->uri.serial = calloc(1, len + 1);
  if (key->uri.serial == NULL) return kg_error_set(error, KG_E_NO_MEMORY, "out of memory");
  memcpy(key->uri.serial, info->serialNumber, len);
  return KG_OK;
}

static enum kg_status create(struct kg_token_key *key, struct kg_backing *backing, struct kg_error *error) {
  struct kg_lane *lane;
  CK_SLOT_ID slot;
  CK_TOKEN_INFO info;
  enum kg_status status = kg_session_open(key, backing, CKF_RW_SESSION, &lane, &slot, &info, error);
  if (status != KG_OK) return status;
  status = kg_token_generate(key, backing, lane->session, error);
  kg_session_drop(backing, lane);
  return status;
}

/* Finds the key and learns all about it; the session stays for the first signature. */
static enum kg_status find(struct kg_token_key *key, struct kg_backing *backing, struct kg_error *error) {
  struct kg_lane *lane;
  CK_SLOT_ID slot;
  CK_TOKEN_INFO info;
  enum kg_status status = kg_session_open(key, backing, 0, &lane, &slot, &info, error);
  if (status != KG_OK) return status;
  status = pin_token(key, &info, error);
  if (status == KG_OK) status = kg_token_find_private(key, backing, lane->session, &lane->private_key, error);
  if (status == KG_OK) status = kg_token_describe(key, backing, lane, slot, &info, error);
  if (status == KG_OK) probe_salt(key, backing, lane);
  if (status == KG_OK)
    kg_session_give(backing, lane);
  else
    kg_session_drop(backing, lane);
  return status;
}

static enum kg_status find_or_create(struct kg_token_key *key, struct kg_backing *backing, unsigned flags,
                                     struct kg_error *error) {
  enum kg_status status = find(key, backing, error);
  if (status != KG_E_KEY_NOT_FOUND || !(flags & KG_KEY_CREATE) || key->uri.serial == NULL) return status;
  status = create(key, backing, error);
  if (status == KG_OK) status = find(key, backing, error);
  if (status == KG_OK) kg_error_clear(error);
  return status;
}

static enum kg_status check_uri(const struct kg_uri *uri, struct kg_error *error) {
  if (uri->module_path == NULL || uri->module_path[0] != '/')
    return kg_error_set(error, KG_E_USAGE, "the key store's URI needs module-path= with an absolute path");
  if (uri->object == NULL && uri->id.len == 0)
    return kg_error_set(error, KG_E_USAGE, "the key store's URI needs object= or id=");
  return KG_OK;
}

static void close_key(struct kg_key *key);

static enum kg_status open_key(const char *store, unsigned flags, struct kg_key **out, struct kg_error *error) {
  static atomic_uint_least64_t numbers;
  struct kg_error local;
  struct kg_backing *backing = NULL;
  struct kg_token_key *key = calloc(1, sizeof *key);
  if (key == NULL) return kg_error_set(error, KG_E_NO_MEMORY, "out of memory");
  key->key.ops = &kg_key_store_pkcs11;
  key->number = atomic_fetch_add(&numbers, 1) + 1;
  if (error == NULL) error = &local;
  enum kg_status status = kg_uri_parse(store, &key->uri, error);
  if (status == KG_OK) status = check_uri(&key->uri, error);
  if (status == KG_OK) status = kg_backing_acquire(key->uri.module_path, &backing, error);
  if (status == KG_OK) {
    unsigned epoch = atomic_load(&backing->epoch);
    atomic_store(&key->backing, backing);
    status = find_or_create(key, backing, flags, error);
    if (status != KG_OK && error->native_code == CKR_CRYPTOKI_NOT_INITIALIZED) { /* finalised by the host since */
      status = kg_backing_renew(backing, epoch, error);
      if (status == KG_OK) status = find_or_create(key, backing, flags, error);
    }
  }
  if (status == KG_OK)
    *out = &key->key;
  else
    close_key(&key->key);
  return status;
}

static enum kg_status destroy(struct kg_key *key, struct kg_error *error) {
  struct kg_backing *backing;
  struct kg_lane *lane;
  CK_SLOT_ID slot;
  CK_TOKEN_INFO info;
  enum kg_status status = kg_backing_of(of(key), &backing, error);
  if (status == KG_OK) status = kg_session_open(of(key), backing, CKF_RW_SESSION, &lane, &slot, &info, error);
  if (status != KG_OK) return status;
  status = kg_token_destroy(of(key), backing, lane, error);
  kg_session_drop(backing, lane);
  return status;
}

/* In a child the parent's sessions are left alone, and so is its backing. */
static void leave_backing(struct kg_token_key *key, struct kg_backing *backing) {
  struct kg_lane *lane;
  if (backing == NULL || backing->generation != kg_fork_generation()) return;
  while ((lane = kg_lane_take_owned(&backing->lanes, key->number)) != NULL)
    kg_session_drop(backing, lane);
  kg_backing_release(backing);
}

static void close_key(struct kg_key *key) {
  leave_backing(of(key), atomic_load(&of(key)->backing));
  kg_uri_clear(&of(key)->uri);
  kg_buf_clear(&key->info.modulus);
  kg_buf_clear(&key->info.exponent);
  free(key);
}

const struct kg_key_store_ops kg_key_store_pkcs11 = {
    .scheme = "pkcs11:",
    .open = open_key,
    .sign = sign,
    .verify = verify,
    .destroy = destroy,
    .close = close_key,
};
