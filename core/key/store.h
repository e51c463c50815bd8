/* What a key store implements. Only key.c, the registry and the stores include this.
 *
 * A store is inside, or a shared object of its own: keyguard-NAME.so (.dll) in the folder of the registry, for a store
 * that needs libraries which the others shall not load. Such an object exports one function, `keyguard_key_store`
 * (kg_key_store_entry), brings its own copy of what it uses of core/base and core/os, and is never unloaded. */
#ifndef KG_CORE_KEY_STORE_H
#define KG_CORE_KEY_STORE_H

#include "core/base/error.h"
#include "core/key/info.h"

struct kg_key;
struct kg_key_uri;

/* sign_params.h has judged padding, hash, input and salt against the key's capabilities: what sign and verify are given
 * is good, and a DigestInfo comes taken apart, as a digest with its hash, unless the key takes any input. */
struct kg_key_store_ops {
  /* `place` is what the row's `parse` made, and stays until `close`. `flags` are kg_key_open's. */
  enum kg_status (*open)(const void *place, unsigned flags, struct kg_key **out, struct kg_error *error);
  enum kg_status (*sign)(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                         unsigned char *signature, struct kg_error *error);
  enum kg_status (*verify)(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                           struct kg_span signature, struct kg_error *error); /* NULL without KG_STORE_VERIFIES */
  enum kg_status (*destroy)(struct kg_key *key, struct kg_error *error);      /* the key in its store; close follows */
  void (*close)(struct kg_key *key);                                          /* frees everything, `key` included */
  uintptr_t (*native_handle)(const struct kg_key *key);                       /* NULL without KG_STORE_NATIVE_HANDLE */
};

struct kg_key { /* a store's own struct begins with this one */
  const struct kg_key_store_ops *ops;
  struct kg_key_info info;
  struct kg_key_uri *uri; /* key.c's: keeps `place` */
};

struct kg_key_store { /* a row of the registry */
  const char *scheme; /* "pkcs11:" */
  unsigned traits;    /* KG_STORE_... */
  /* The URI, once: what the store needs of it, and the text without secrets, to be stored and shown. Pure, inside even
   * where the rest is an object of its own. KG_E_USAGE says what is wrong and never shows a value. */
  enum kg_status (*parse)(const char *text, void **place, char **shown, struct kg_error *error);
  void (*free_place)(void *place); /* wipes */
  /* Whether the URI itself, and so the file that it stands in, is a secret. NULL: never. */
  bool (*holds_secret)(const void *place);
  const struct kg_key_store_ops *ops; /* inside; NULL: */
  const char *object;                 /* "keyguard-tpm2", loaded when its first key is opened */
};

#define KG_KEY_STORE_ENTRY "keyguard_key_store"

struct kg_key_store_object { /* what the entry answers; `release` is first and never moves */
  const char *release;       /* KEYGUARD_VERSION: the rest is compared with nothing, so both must be of one release */
  const struct kg_key_store_ops *ops;
};

typedef const struct kg_key_store_object *kg_key_store_entry(void);

#endif
