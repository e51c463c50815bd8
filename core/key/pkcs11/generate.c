#include "core/key/pkcs11/generate.h"

#include "core/key/pkcs11/ckr.h"
#include "core/key/pkcs11/lookup.h"
#include "core/key/pkcs11/signals.h"

#include <string.h>

#define BITS 2048
#define ID_SIZE 16 /* random, where the URI names none */

static enum kg_status make_id(const struct kg_pkcs11_uri *uri, const CK_FUNCTION_LIST *f, CK_SESSION_HANDLE session,
                              unsigned char random[ID_SIZE], CK_ATTRIBUTE *id, struct kg_error *error) {
  *id = (CK_ATTRIBUTE){CKA_ID, uri->id.data, (CK_ULONG)uri->id.len};
  if (uri->id.len > 0) return KG_OK;
  CK_RV rv = f->C_GenerateRandom(session, random, ID_SIZE);
  if (rv != CKR_OK) return kg_ckr_error(error, "C_GenerateRandom", rv);
  *id = (CK_ATTRIBUTE){CKA_ID, random, ID_SIZE};
  return KG_OK;
}

/* Signs and nothing else, and never leaves the token. tpm2-pkcs11 (1.9.0) makes its PKCS#1 signatures by decrypting
 * what it padded itself, and mixes up a public key's uses where decryption is forbidden: there both are left to it. */
static CK_RV generate(struct kg_backing *backing, CK_SESSION_HANDLE session, CK_ATTRIBUTE label, CK_ATTRIBUTE id) {
  CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
  CK_ULONG bits = BITS;
  CK_BYTE exponent[] = {1, 0, 1};
  CK_ATTRIBUTE public_template[9] = {
      {CKA_TOKEN, &yes, sizeof yes},
      {CKA_PRIVATE, &no, sizeof no},
      {CKA_WRAP, &no, sizeof no},
      {CKA_MODULUS_BITS, &bits, sizeof bits},
      {CKA_PUBLIC_EXPONENT, exponent, sizeof exponent},
      {CKA_VERIFY, &yes, sizeof yes},
      id,
  };
  CK_ATTRIBUTE private_template[9] = {
      {CKA_TOKEN, &yes, sizeof yes},
      {CKA_PRIVATE, &yes, sizeof yes},
      {CKA_SENSITIVE, &yes, sizeof yes},
      {CKA_EXTRACTABLE, &no, sizeof no},
      {CKA_SIGN, &yes, sizeof yes},
      {CKA_UNWRAP, &no, sizeof no},
      id,
  };
  CK_ULONG public_count = 7, private_count = 7;
  if (!backing->is_tpm2) {
    public_template[public_count++] = (CK_ATTRIBUTE){CKA_ENCRYPT, &no, sizeof no};
    private_template[private_count++] = (CK_ATTRIBUTE){CKA_DECRYPT, &no, sizeof no};
  }
  if (label.ulValueLen > 0) public_template[public_count++] = private_template[private_count++] = label;
  CK_MECHANISM mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
  CK_OBJECT_HANDLE public_key, private_key;
  return backing->f->C_GenerateKeyPair(session, &mechanism, public_template, public_count, private_template,
                                       private_count, &public_key, &private_key);
}

enum kg_status kg_backing_key_generate(struct kg_backing_key *key, struct kg_backing *backing,
                                       CK_SESSION_HANDLE session, struct kg_error *error) {
  CK_ATTRIBUTE label = {CKA_LABEL, key->uri->object, 0};
  if (key->uri->object != NULL) label.ulValueLen = (CK_ULONG)strlen(key->uri->object);
  /* Again, in this session: nothing that is there is ever replaced, and another process may have been faster. */
  CK_OBJECT_HANDLE existing;
  enum kg_status status = kg_backing_key_find_private(key, backing, session, &existing, error);
  if (status != KG_E_KEY_NOT_FOUND) return status;
  unsigned char random[ID_SIZE];
  CK_ATTRIBUTE id;
  status = make_id(key->uri, backing->f, session, random, &id, error);
  if (status != KG_OK) return status;
  sigset_t before;
  kg_signals_hold(&before);
  CK_RV rv = generate(backing, session, label, id);
  kg_signals_release(&before);
  if (rv != CKR_OK) return kg_ckr_error(error, "C_GenerateKeyPair", rv);
  key->key.info.created = true;
  return KG_OK;
}

enum kg_status kg_backing_key_destroy(struct kg_backing_key *key, struct kg_backing *backing, struct kg_lane *lane,
                                      struct kg_error *error) {
  enum kg_status status = kg_backing_key_find_private(key, backing, lane->session, &lane->private_key, error);
  if (status == KG_OK) status = kg_backing_key_find_public(key, backing, lane, error);
  if (status != KG_OK) return status;
  status = kg_backing_key_check(key, backing, lane, error);
  if (status != KG_OK) return status;
  sigset_t before;
  kg_signals_hold(&before);
  CK_RV rv = backing->f->C_DestroyObject(lane->session, lane->private_key);
  /* The private key is gone; a public key that stays behind does no harm. */
  if (rv == CKR_OK && lane->public_key != 0) backing->f->C_DestroyObject(lane->session, lane->public_key);
  kg_signals_release(&before);
  return rv == CKR_OK ? KG_OK : kg_ckr_error(error, "C_DestroyObject", rv);
}
