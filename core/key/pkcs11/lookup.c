#include "core/key/pkcs11/lookup.h"

#include "core/base/encoding.h"
#include "core/base/strength.h"
#include "core/key/pkcs11/ckr.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BITS_MIN 2048
#define BITS_MAX (8 * KG_SIGNATURE_MAX)
#define ID_MAX 256

/* At most `max` handles; `*count` may be `max` where there are more. */
static CK_RV find(const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG len,
                  CK_OBJECT_HANDLE *found, CK_ULONG max, CK_ULONG *count) {
  *count = 0;
  CK_RV rv = f->C_FindObjectsInit(session, template, len);
  if (rv != CKR_OK) return rv;
  while (rv == CKR_OK && *count < max) { /* a library may hand them out one by one */
    CK_ULONG more = 0;
    rv = f->C_FindObjects(session, found + *count, max - *count, &more);
    if (more == 0 || more > max - *count) break;
    *count += more;
  }
  CK_RV final = f->C_FindObjectsFinal(session);
  return rv != CKR_OK ? rv : final;
}

/* What is asked of a token one by one, and what went wrong with it. That an attribute is missing is an answer; that the
 * token could not be asked is none, and would be kept for the life of the key if it were taken for one. */
struct inquiry {
  const CK_FUNCTION_LIST *f;
  CK_SESSION_HANDLE session;
  const char *function; /* of the first that gave no answer */
  CK_RV failed;
};

static struct inquiry inquire(const struct kg_backing *backing, CK_SESSION_HANDLE session) {
  return (struct inquiry){backing->f, session, NULL, CKR_OK};
}

static bool is_no(CK_RV rv) {
  return rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_ATTRIBUTE_VALUE_INVALID ||
         rv == CKR_BUFFER_TOO_SMALL || rv == CKR_MECHANISM_INVALID || rv == CKR_FUNCTION_NOT_SUPPORTED ||
         rv == CKR_ARGUMENTS_BAD || rv == CKR_ACTION_PROHIBITED;
}

/* Whether the answer is yes. */
static bool note(struct inquiry *inquiry, const char *function, CK_RV rv) {
  if (rv != CKR_OK && !is_no(rv) && inquiry->failed == CKR_OK) {
    inquiry->function = function;
    inquiry->failed = rv;
  }
  return rv == CKR_OK;
}

static enum kg_status outcome(const struct inquiry *inquiry, struct kg_error *error) {
  return inquiry->failed == CKR_OK ? KG_OK : kg_ckr_error(error, inquiry->function, inquiry->failed);
}

/* Bytes of an attribute; 0: it has none, hides them or they are more than `size`. */
static size_t get_bytes(struct inquiry *inquiry, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *out,
                        size_t size) {
  CK_ATTRIBUTE attribute = {type, out, (CK_ULONG)size};
  CK_RV rv = inquiry->f->C_GetAttributeValue(inquiry->session, object, &attribute, 1);
  return note(inquiry, "C_GetAttributeValue", rv) && attribute.ulValueLen <= size ? attribute.ulValueLen : 0;
}

static bool get_bool(struct inquiry *inquiry, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type) {
  CK_BBOOL value = CK_FALSE;
  return get_bytes(inquiry, object, type, &value, sizeof value) == sizeof value && value != CK_FALSE;
}

/* A big-endian number without leading zeros; empty: none, or too long for us. */
static struct kg_span get_number(struct inquiry *inquiry, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                                 unsigned char out[KG_SIGNATURE_MAX + 1]) {
  struct kg_span number = {out, get_bytes(inquiry, object, type, out, KG_SIGNATURE_MAX + 1)};
  while (number.len > 0 && number.data[0] == 0) {
    number.data++;
    number.len--;
  }
  return number.len <= KG_SIGNATURE_MAX ? number : (struct kg_span){out, 0};
}

/* One key for the message that there are two: its label and id. */
static void name_key(struct inquiry *inquiry, CK_OBJECT_HANDLE object, char *out, size_t size) {
  unsigned char label[64], id[ID_MAX];
  size_t label_len = get_bytes(inquiry, object, CKA_LABEL, label, sizeof label);
  char *hex = kg_hex_format(kg_span_of(id, get_bytes(inquiry, object, CKA_ID, id, sizeof id)));
  snprintf(out, size, "\"%.*s\" id %s", (int)label_len, (const char *)label, hex != NULL ? hex : "?");
  free(hex);
}

static enum kg_status ambiguous(struct inquiry inquiry, const CK_OBJECT_HANDLE *two, struct kg_error *error) {
  char first[160];
  name_key(&inquiry, two[0], first, sizeof first);
  char second[160];
  name_key(&inquiry, two[1], second, sizeof second);
  return kg_error_set(error, KG_E_CONFIG, "two private keys match the key store's URI: %s and %s", first, second);
}

enum kg_status kg_backing_key_find_private(struct kg_backing_key *key, struct kg_backing *backing,
                                           CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *out, struct kg_error *error) {
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
  CK_BBOOL yes = CK_TRUE;
  CK_ULONG len = 2;
  CK_ATTRIBUTE template[4] = {{CKA_CLASS, &class, sizeof class}, {CKA_TOKEN, &yes, sizeof yes}};
  const struct kg_pkcs11_uri *uri = key->uri;
  if (uri->object != NULL) template[len++] = (CK_ATTRIBUTE){CKA_LABEL, uri->object, (CK_ULONG)strlen(uri->object)};
  if (uri->id.len > 0) template[len++] = (CK_ATTRIBUTE){CKA_ID, uri->id.data, (CK_ULONG)uri->id.len};
  CK_OBJECT_HANDLE found[2];
  CK_ULONG count = 0;
  CK_RV rv = find(backing->f, session, template, len, found, 2, &count);
  if (rv != CKR_OK) return kg_ckr_error(error, "C_FindObjects", rv);
  if (count > 1) return ambiguous(inquire(backing, session), found, error);
  if (count == 0)
    return kg_error_set(error, KG_E_KEY_NOT_FOUND, "no private key%s%s on the token",
                        uri->object != NULL ? " object=" : " of this id", uri->object != NULL ? uri->object : "");
  *out = found[0];
  return KG_OK;
}

static bool is_same(struct inquiry *inquiry, const struct kg_backing_key *key, CK_OBJECT_HANDLE object) {
  unsigned char buffer[KG_SIGNATURE_MAX + 1];
  struct kg_span modulus = get_number(inquiry, object, CKA_MODULUS, buffer);
  return kg_span_equal(modulus, kg_buf_span(&key->key.info.modulus));
}

/* The public key objects with the private key's `type` (CKA_ID or CKA_LABEL). */
static CK_ULONG find_public_by(struct inquiry *inquiry, CK_OBJECT_HANDLE private_key, CK_ATTRIBUTE_TYPE type,
                               CK_OBJECT_HANDLE *found, CK_ULONG max) {
  unsigned char value[ID_MAX];
  CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
  CK_KEY_TYPE rsa = CKK_RSA;
  CK_ULONG count = 0, len = (CK_ULONG)get_bytes(inquiry, private_key, type, value, ID_MAX);
  CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &rsa, sizeof rsa}, {type, value, len}};
  if (len == 0) return 0;
  CK_RV rv = find(inquiry->f, inquiry->session, template, 3, found, max, &count);
  return note(inquiry, "C_FindObjects", rv) ? count : 0;
}

static void find_public(struct inquiry *inquiry, const struct kg_backing_key *key, struct kg_lane *lane) {
  static const CK_ATTRIBUTE_TYPE types[] = {CKA_ID, CKA_LABEL};
  CK_OBJECT_HANDLE found[16];
  lane->public_key = 0;
  for (size_t t = 0; t < 2 && lane->public_key == 0; t++) {
    CK_ULONG count = find_public_by(inquiry, lane->private_key, types[t], found, 16);
    for (CK_ULONG i = 0; i < count && lane->public_key == 0; i++)
      if (key->key.info.modulus.len == 0 || is_same(inquiry, key, found[i])) lane->public_key = found[i];
  }
}

enum kg_status kg_backing_key_find_public(struct kg_backing_key *key, struct kg_backing *backing, struct kg_lane *lane,
                                          struct kg_error *error) {
  struct inquiry inquiry = inquire(backing, lane->session);
  find_public(&inquiry, key, lane);
  return outcome(&inquiry, error);
}

/* A public key object of the right modulus may have outlived its private key, so it is believed only where the private
 * key tells nothing. */
enum kg_status kg_backing_key_check(struct kg_backing_key *key, struct kg_backing *backing, struct kg_lane *lane,
                                    struct kg_error *error) {
  unsigned char buffer[KG_SIGNATURE_MAX + 1];
  struct inquiry inquiry = inquire(backing, lane->session);
  struct kg_span modulus = get_number(&inquiry, lane->private_key, CKA_MODULUS, buffer);
  enum kg_status status = outcome(&inquiry, error);
  if (status != KG_OK) return status;
  bool same = modulus.len > 0 ? kg_span_equal(modulus, kg_buf_span(&key->key.info.modulus)) : lane->public_key != 0;
  if (same) return KG_OK;
  return kg_error_set(error, KG_E_KEY_DEAD, "the key was replaced by another one since it was opened");
}

/* From the private key, else from the public key object; some tokens show them on one of the two only. */
static enum kg_status take_number(struct inquiry *inquiry, const struct kg_backing_key *key, struct kg_lane *lane,
                                  CK_ATTRIBUTE_TYPE type, struct kg_buf *out, struct kg_error *error) {
  unsigned char buffer[KG_SIGNATURE_MAX + 1];
  struct kg_span number = get_number(inquiry, lane->private_key, type, buffer);
  if (number.len == 0 && lane->public_key == 0) find_public(inquiry, key, lane);
  if (number.len == 0 && lane->public_key != 0) number = get_number(inquiry, lane->public_key, type, buffer);
  enum kg_status status = outcome(inquiry, error);
  if (status != KG_OK) return status;
  if (number.len == 0)
    return kg_error_set(error, KG_E_KEY_MECHANISM, "the token does not tell the key's %s, or it is longer than %d bits",
                        type == CKA_MODULUS ? "modulus" : "public exponent", BITS_MAX);
  return kg_buf_set(out, number) == KG_OK ? KG_OK : kg_error_no_memory(error, "for a public key");
}

static enum kg_status take_public(struct inquiry *inquiry, struct kg_backing_key *key, struct kg_lane *lane,
                                  struct kg_error *error) {
  struct kg_key_info *info = &key->key.info;
  enum kg_status status = take_number(inquiry, key, lane, CKA_MODULUS, &info->modulus, error);
  if (status == KG_OK) status = take_number(inquiry, key, lane, CKA_PUBLIC_EXPONENT, &info->exponent, error);
  if (status != KG_OK) return status;
  info->bits = 8 * (unsigned)info->modulus.len;
  if (info->bits < BITS_MIN || !(info->modulus.data[0] & 0x80))
    return kg_error_set(error, KG_E_KEY_MECHANISM, "the RSA key has not %d to %d bits in whole bytes", BITS_MIN,
                        BITS_MAX);
  return KG_OK;
}

static enum kg_status check_kind(struct inquiry *inquiry, const struct kg_lane *lane, struct kg_error *error) {
  CK_KEY_TYPE type = CKK_VENDOR_DEFINED;
  get_bytes(inquiry, lane->private_key, CKA_KEY_TYPE, &type, sizeof type);
  bool may_sign = get_bool(inquiry, lane->private_key, CKA_SIGN);
  enum kg_status status = outcome(inquiry, error);
  if (status != KG_OK) return status;
  if (type != CKK_RSA) return kg_error_set(error, KG_E_KEY_MECHANISM, "the private key is not an RSA key");
  if (!may_sign)
    return kg_error_set(error, KG_E_KEY_MECHANISM, "the private key is not allowed to sign (CKA_SIGN is false)");
  return KG_OK;
}

/* CKA_ALLOWED_MECHANISMS. Absent, empty or unreadable: any mechanism. */
struct allowed {
  CK_MECHANISM_TYPE type[64];
  size_t size; /* bytes */
};

static void get_allowed(struct inquiry *inquiry, const struct kg_lane *lane, struct allowed *out) {
  out->size = get_bytes(inquiry, lane->private_key, CKA_ALLOWED_MECHANISMS, out->type, sizeof out->type);
}

static bool is_allowed(const struct allowed *allowed, CK_MECHANISM_TYPE wanted) {
  for (size_t i = 0; i < allowed->size / sizeof allowed->type[0]; i++)
    if (allowed->type[i] == wanted) return true;
  return allowed->size == 0;
}

static CK_FLAGS mechanism_flags(struct inquiry *inquiry, CK_SLOT_ID slot, CK_MECHANISM_TYPE type, unsigned bits) {
  CK_MECHANISM_INFO info;
  memset(&info, 0, sizeof info);
  if (!note(inquiry, "C_GetMechanismInfo", inquiry->f->C_GetMechanismInfo(slot, type, &info))) return 0;
  if (info.ulMaxKeySize != 0 && (bits < info.ulMinKeySize || bits > info.ulMaxKeySize)) return 0;
  return info.flags;
}

static void find_capabilities(struct inquiry *inquiry, struct kg_backing_key *key, bool is_tpm2,
                              const struct kg_lane *lane, CK_SLOT_ID slot) {
  struct kg_key_info *info = &key->key.info;
  CK_FLAGS pkcs1 = mechanism_flags(inquiry, slot, CKM_RSA_PKCS, info->bits);
  CK_FLAGS pss = mechanism_flags(inquiry, slot, CKM_RSA_PKCS_PSS, info->bits), verify = CKF_VERIFY;
  struct allowed allowed;
  get_allowed(inquiry, lane, &allowed);
  info->capabilities = 0;
  /* tpm2-pkcs11 (1.9.0) signs PKCS#1 by raw decryption, which a key that only signs refuses. */
  bool can_pkcs1 = !is_tpm2 || get_bool(inquiry, lane->private_key, CKA_DECRYPT);
  if (can_pkcs1 && pkcs1 & CKF_SIGN && is_allowed(&allowed, CKM_RSA_PKCS)) {
    info->capabilities |= KG_CAN_SIGN_PKCS1 | KG_CAN_PKCS1_ANY_INPUT;
    verify &= pkcs1;
  }
  if (pss & CKF_SIGN && is_allowed(&allowed, CKM_RSA_PKCS_PSS)) {
    info->capabilities |= KG_CAN_SIGN_PSS;
    verify &= pss;
  }
  if (verify && info->capabilities && lane->public_key != 0 && get_bool(inquiry, lane->public_key, CKA_VERIFY))
    info->capabilities |= KG_CAN_VERIFY;
}

/* See enum kg_strength. SoftHSM is software whatever it says; what we do not know is software too. */
static enum kg_strength find_strength(struct inquiry *inquiry, bool is_tpm2, const struct kg_lane *lane,
                                      CK_SLOT_ID slot, const CK_TOKEN_INFO *token) {
  static const char softhsm[] = "SoftHSM";
  CK_SLOT_INFO info;
  memset(&info, 0, sizeof info);
  bool is_hardware =
      is_tpm2 || (note(inquiry, "C_GetSlotInfo", inquiry->f->C_GetSlotInfo(slot, &info)) && info.flags & CKF_HW_SLOT);
  if (!is_hardware || memcmp(token->manufacturerID, softhsm, sizeof softhsm - 1) == 0) return KG_STRENGTH_SOFTWARE;
  if (!get_bool(inquiry, lane->private_key, CKA_LOCAL) || !get_bool(inquiry, lane->private_key, CKA_NEVER_EXTRACTABLE))
    return KG_STRENGTH_SOFTWARE;
  return KG_STRENGTH_HARDWARE;
}

enum kg_status kg_backing_key_describe(struct kg_backing_key *key, struct kg_backing *backing, struct kg_lane *lane,
                                       CK_SLOT_ID slot, const CK_TOKEN_INFO *info, struct kg_error *error) {
  struct inquiry inquiry = inquire(backing, lane->session);
  bool is_tpm2 = backing->is_tpm2;
  enum kg_status status = check_kind(&inquiry, lane, error);
  lane->public_key = 0;
  if (status == KG_OK) status = take_public(&inquiry, key, lane, error);
  if (status != KG_OK) return status;
  find_public(&inquiry, key, lane); /* now that its modulus can be compared */
  find_capabilities(&inquiry, key, is_tpm2, lane, slot);
  key->key.info.strength = find_strength(&inquiry, is_tpm2, lane, slot, info);
  key->always_authenticate = get_bool(&inquiry, lane->private_key, CKA_ALWAYS_AUTHENTICATE);
  return outcome(&inquiry, error);
}
