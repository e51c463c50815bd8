/* The private key, wherever it lives. One small interface; `pkcs11:` (any token), `cng:` (KeyGuard), `tpm2:`.
 * A key is safe to use from many threads at once and holds no lock of ours while the store works. */
#ifndef KG_CORE_KEY_KEY_H
#define KG_CORE_KEY_KEY_H

#include "core/base/buf.h"
#include "core/base/hash.h"
#include "core/base/strength.h"

#include <stdbool.h>

enum kg_padding { KG_PADDING_PKCS1 = 0, KG_PADDING_PSS }; /* RSASSA-PKCS1-v1_5, RSASSA-PSS with MGF1 of the same hash */

enum { /* what the store can do with this key; also written into the binding, so the module need not ask the store */
       KG_CAN_SIGN_PKCS1 = 1 << 0,
       KG_CAN_SIGN_PSS = 1 << 1,
       KG_CAN_VERIFY = 1 << 2,         /* both of the above that it can sign */
       KG_CAN_PSS_ANY_SALT = 1 << 3,   /* else: salt length = hash length only */
       KG_CAN_PKCS1_ANY_INPUT = 1 << 4 /* else: DigestInfo of SHA-256, 384, 512 only */
};

#define KG_SIGNATURE_MAX 512 /* bytes: RSA 4096, the largest key that a store opens */

struct kg_sign_params {
  enum kg_padding padding;
  enum kg_hash hash; /* of the digest given; PKCS#1 with KG_HASH_NONE: the input is a DigestInfo, or up to k-11 bytes */
  size_t salt_len;   /* PSS */
};

struct kg_key_info {
  unsigned bits;
  struct kg_buf modulus, exponent; /* big-endian, no leading zero */
  enum kg_strength strength;
  unsigned capabilities;
  bool created; /* by this open */
};

struct kg_key;

enum {
  /* Make an RSA 2048 key where there is none. A key that is there is never replaced, with one exception: `cng:` makes a
   * key anew that died with the boot it was made for, under a mutex of its own and after a second look. */
  KG_KEY_CREATE = 1 << 0,
  /* No signatures to learn what the key can do: the caller knows, from a binding. What could only be learnt so is
   * claimed, and the store has the last word. */
  KG_KEY_NO_TRIAL = 1 << 1,
  /* Four times as long before a `pkcs11:` token that other processes are using is taken for missing or broken: for the
   * command, which no connection waits for. */
  KG_KEY_PATIENT = 1 << 2
};

/* KG_E_USAGE for an unknown scheme or a URI that says too little or too much; KG_E_KEY_NOT_FOUND, KG_E_KEY_PIN,
 * KG_E_KEY_STORE, KG_E_KEY_BUSY, KG_E_KEY_MECHANISM (no RSA key of 2048 to 4096 bits that may sign), KG_E_UNTRUSTED,
 * KG_E_ACCESS; KG_E_CONFIG where two tokens or two keys match. A refusal is never KG_E_KEY_NOT_FOUND. */
KG_MUST_USE enum kg_status kg_key_open(const char *store, unsigned flags, struct kg_key **out, struct kg_error *error);
void kg_key_close(struct kg_key **key);
const struct kg_key_info *kg_key_info(const struct kg_key *key); /* borrowed */
/* What the attestation library is given: the NCRYPT_KEY_HANDLE of a `cng:` key, valid until close; else 0. */
uintptr_t kg_key_native_handle(const struct kg_key *key);

/* `signature` takes info->bits / 8 bytes. KG_E_KEY_MECHANISM, KG_E_KEY_INPUT (both before the store is asked),
 * KG_E_KEY_BUSY, KG_E_KEY_PIN, KG_E_KEY_DEAD, KG_E_KEY_STORE. */
KG_MUST_USE enum kg_status kg_key_sign(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                                       unsigned char *signature, struct kg_error *error);
/* KG_E_SIGNATURE where it does not match. */
KG_MUST_USE enum kg_status kg_key_verify(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                                         struct kg_span signature, struct kg_error *error);
/* One PSS SHA-256 signature (salt 32) over a zero digest, the padding of the CSR, verified where the store can:
 * KG_E_KEY_DEAD where it fails or is wrong. Where nobody could ask (PIN, busy, no memory, no such mechanism) the status
 * says that instead: it is no reason to replace a key. */
KG_MUST_USE enum kg_status kg_key_probe(struct kg_key *key, struct kg_error *error);
/* Destroys the key in its store, then closes it; where it cannot be destroyed it stays open. */
KG_MUST_USE enum kg_status kg_key_delete(struct kg_key **key, struct kg_error *error);

/* The calling thread is inside a store. A token's library may lead back to us (it loads OpenSSL, whose configuration
 * loads a provider, which loads our module); every call above is then refused at once, without waiting. */
bool kg_key_store_is_busy(void);

#endif
