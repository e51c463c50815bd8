/* What is known of a key, what is asked of it, and what kind of store it is in. */
#ifndef KG_CORE_KEY_INFO_H
#define KG_CORE_KEY_INFO_H

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

enum {                                  /* what a store is, whatever the key: the columns of the registry */
       KG_STORE_VERIFIES = 1 << 0,      /* it can verify; whether with this key, KG_CAN_VERIFY says */
       KG_STORE_PER_BOOT = 1 << 1,      /* its keys die with the boot that they were made in */
       KG_STORE_REPLACES_DEAD = 1 << 2, /* a dead key is no loss: with KG_KEY_CREATE it is made anew, unasked */
       KG_STORE_NATIVE_HANDLE = 1 << 3  /* Windows's own keys: an NCRYPT_KEY_HANDLE, a kg_cng_name as place */
};

enum { /* how a key is opened */
       /* Make an RSA 2048 key where there is none. A key that is there is never replaced, with one exception: a store
        * that is KG_STORE_REPLACES_DEAD makes a dead one anew, under a lock of its own and after a second look. */
       KG_KEY_CREATE = 1 << 0,
       /* No signatures to learn what the key can do: the caller knows, from a binding. What could only be learnt so is
        * claimed, and the store has the last word. */
       KG_KEY_NO_TRIAL = 1 << 1,
       /* Four times as long before a `pkcs11:` token that other processes are using is taken for missing or broken: for
        * the command, which no connection waits for. */
       KG_KEY_PATIENT = 1 << 2
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

#endif
