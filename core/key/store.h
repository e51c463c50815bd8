/* What a key store implements. Only core/key/key.c and the stores include this. */
#ifndef KG_CORE_KEY_STORE_H
#define KG_CORE_KEY_STORE_H

#include "core/key/key.h"

/* key_store.c has checked padding, hash, input and salt against the key's capabilities before it calls sign or verify.
 */
struct kg_key_store_ops {
  const char *scheme; /* "pkcs11:" */
  enum kg_status (*open)(const char *store, unsigned flags, struct kg_key **out, struct kg_error *error);
  enum kg_status (*sign)(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                         unsigned char *signature, struct kg_error *error);
  enum kg_status (*verify)(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                           struct kg_span signature, struct kg_error *error);
  enum kg_status (*destroy)(struct kg_key *key, struct kg_error *error); /* the key in its store; close follows */
  void (*close)(struct kg_key *key);                                     /* frees everything, `key` included */
  uintptr_t (*native_handle)(const struct kg_key *key);                  /* NULL: there is none */
};

struct kg_key { /* a store's own struct begins with this one */
  const struct kg_key_store_ops *ops;
  struct kg_key_info info;
};

extern const struct kg_key_store_ops kg_key_store_pkcs11;
#if defined(_WIN32)
extern const struct kg_key_store_ops kg_key_store_cng;
#endif

#endif
