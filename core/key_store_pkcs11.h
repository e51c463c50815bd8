/* The parts of the `pkcs11:` store. Only core/key_store_pkcs11*.c include this.
 *
 * A backing is a token's library in this process, shared by all keys in it; there is one for each library and for each
 * process that forks, and it is never freed. A lane is one permit to call the library, with at most one session. Lanes
 * are taken and given back without a lock, and no lock of ours is held while a library works: a thread in a library
 * holds a lane, nothing else. After a fork a child starts with new backings; the parent's are not touched. */
#ifndef KG_CORE_KEY_STORE_PKCS11_H
#define KG_CORE_KEY_STORE_PKCS11_H

#include "core/key_store_ops.h"
#include "core/uri.h"
#include "keyguard/cryptoki.h"

#include <pthread.h>
#include <stdatomic.h>

#define KG_LANES 64
#define KG_LANE_WAIT_MS 10000 /* bound of every wait for a lane or for another thread's C_Initialize or C_Login */
#define KG_SLOTS_MAX 256

struct kg_lane {
  _Alignas(64) atomic_bool taken; /* everything else belongs to whoever took it; a cache line of its own */
  atomic_uint_least64_t owner;    /* kg_token_key.number of its session, 0: no session; others read it as a hint */
  unsigned epoch;                 /* of the session */
  CK_SESSION_HANDLE session;
  CK_OBJECT_HANDLE private_key, public_key; /* public_key 0: none */
};

struct kg_lane_waiter;

struct kg_lanes {
  unsigned size;
  atomic_int_least64_t full_until; /* the token refused one more session: not asked again before this time; 0: not */
  atomic_uint waiting;
  pthread_mutex_t mutex; /* of the queue; held for a few instructions, never across a call of the library */
  struct kg_lane_waiter *first, *last;
  struct kg_lane lane[KG_LANES];
};

struct kg_backing {
  struct kg_backing *next;
  char *path;          /* resolved */
  uint32_t generation; /* kg_fork_generation() of the process it belongs to */
  const CK_FUNCTION_LIST *f;
  bool is_tpm2;            /* libtpm2_pkcs11: one call at a time, PSS salt = hash length */
  atomic_uint users;       /* open keys */
  atomic_bool ready;       /* initialised, as far as we know */
  atomic_bool owned;       /* by us, so finalised by us */
  atomic_uint epoch;       /* counts initialisations; handles of an older one mean nothing */
  atomic_flag turn, login; /* one thread at a time in C_Initialize and C_Finalize; in C_Login */
  struct kg_lanes lanes;
};

struct kg_token_key { /* a `pkcs11:` key */
  struct kg_key key;
  _Atomic(struct kg_backing *) backing;
  uint_least64_t number; /* never reused */
  struct kg_uri uri;     /* serial is set after the first open: the token stays the same one */
  bool has_token;        /* it was found and let us in, so it is only the key that may be missing */
  bool always_authenticate;
};

/* key_store_pkcs11_error.c: "C_Sign: CKR_DEVICE_ERROR (0x30)" */
const char *kg_ckr_name(CK_RV rv); /* NULL: unknown */
enum kg_status kg_token_error(struct kg_error *error, const char *function, CK_RV rv);

/* key_store_pkcs11_host_posix.c: a library that uses OpenSSL leaves errors in OpenSSL's queue of the thread (SoftHSM2
 * does in C_Initialize, where all is well). The queue is the host's, and its next SSL_get_error takes them for the
 * connection's. So what is called between enter and leave leaves the queue as it was. */
void kg_host_learn(void *library); /* dlopen's handle: whether it brought libcrypto */
bool kg_host_enter(void);
void kg_host_leave(bool entered); /* takes what the matching enter answered */

/* key_store_pkcs11_load_posix.c: trusted, loaded, neither ourselves nor p11-kit's proxy. */
KG_MUST_USE enum kg_status kg_token_library_load(const char *path, char **resolved, const CK_FUNCTION_LIST **f,
                                                 struct kg_error *error);

/* key_store_pkcs11_backing.c */
KG_MUST_USE enum kg_status kg_backing_acquire(const char *path, struct kg_backing **out, struct kg_error *error);
void kg_backing_release(struct kg_backing *backing);
/* Somebody finalised the library that had `epoch`: initialises it again unless another thread did. */
KG_MUST_USE enum kg_status kg_backing_renew(struct kg_backing *backing, unsigned epoch, struct kg_error *error);
/* The key's backing in this process. */
KG_MUST_USE enum kg_status kg_backing_of(struct kg_token_key *key, struct kg_backing **out, struct kg_error *error);
bool kg_turn_take(atomic_flag *turn); /* false: not within KG_LANE_WAIT_MS */
void kg_turn_give(atomic_flag *turn);

/* key_store_pkcs11_lanes_posix.c */
KG_MUST_USE enum kg_status kg_lanes_init(struct kg_lanes *lanes);
/* `deadline` on kg_clock_system()'s elapsed_ms. NULL: none came free. */
struct kg_lane *kg_lane_take(struct kg_lanes *lanes, uint_least64_t owner, int64_t deadline);
struct kg_lane *kg_lane_take_owned(struct kg_lanes *lanes, uint_least64_t owner); /* a free one with a session */
void kg_lane_give(struct kg_lanes *lanes, struct kg_lane *lane);
void kg_lanes_set_full(struct kg_lanes *lanes);

/* key_store_pkcs11_slot.c */
KG_MUST_USE enum kg_status kg_token_find(struct kg_token_key *key, struct kg_backing *backing, CK_SLOT_ID *slot,
                                         CK_TOKEN_INFO *info, struct kg_error *error);

/* key_store_pkcs11_login.c: `user` CKU_USER or CKU_CONTEXT_SPECIFIC. */
KG_MUST_USE enum kg_status kg_token_login(struct kg_token_key *key, struct kg_backing *backing, CK_USER_TYPE user,
                                          CK_SESSION_HANDLE session, const CK_TOKEN_INFO *info, struct kg_error *error);

/* key_store_pkcs11_object.c */
/* KG_E_KEY_NOT_FOUND; KG_E_CONFIG with both named where two match. */
KG_MUST_USE enum kg_status kg_token_find_private(struct kg_token_key *key, struct kg_backing *backing,
                                                 CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *out,
                                                 struct kg_error *error);
/* 0: no public key object for this private key. */
CK_OBJECT_HANDLE kg_token_find_public(struct kg_token_key *key, struct kg_backing *backing, struct kg_lane *lane);
/* Fills key->key.info from the lane's private key. */
KG_MUST_USE enum kg_status kg_token_describe(struct kg_token_key *key, struct kg_backing *backing, struct kg_lane *lane,
                                             CK_SLOT_ID slot, const CK_TOKEN_INFO *info, struct kg_error *error);
bool kg_token_is_same_key(const struct kg_token_key *key, const struct kg_backing *backing, CK_SESSION_HANDLE session,
                          CK_OBJECT_HANDLE object);

/* key_store_pkcs11_session.c: a lane whose session is open, logged in and knows the key's handles. */
KG_MUST_USE enum kg_status kg_session_take(struct kg_token_key *key, struct kg_backing *backing, struct kg_lane **out,
                                           struct kg_error *error);
void kg_session_give(struct kg_backing *backing, struct kg_lane *lane);
void kg_session_drop(struct kg_backing *backing, struct kg_lane *lane);   /* closes the session, gives the lane back */
void kg_session_forget(struct kg_backing *backing, struct kg_lane *lane); /* the same, the session is gone already */
/* An open, logged in session in a lane of its own, read-write for `flags` CKF_RW_SESSION; no handles yet. */
KG_MUST_USE enum kg_status kg_session_open(struct kg_token_key *key, struct kg_backing *backing, CK_FLAGS flags,
                                           struct kg_lane **out, CK_SLOT_ID *slot, CK_TOKEN_INFO *info,
                                           struct kg_error *error);

/* key_store_pkcs11_operation.c: kg_key_store_ops.sign and verify. */
KG_MUST_USE enum kg_status kg_token_sign(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                                         unsigned char *signature, struct kg_error *error);
KG_MUST_USE enum kg_status kg_token_verify(struct kg_key *key, const struct kg_sign_params *params,
                                           struct kg_span input, struct kg_span signature, struct kg_error *error);
/* Whether the token makes a PSS signature with another salt length than the hash's: by making one, if `trial`. */
bool kg_token_takes_any_salt(struct kg_token_key *key, struct kg_backing *backing, struct kg_lane *lane, bool trial);

/* key_store_pkcs11_generate.c: on a read-write session. */
KG_MUST_USE enum kg_status kg_token_generate(struct kg_token_key *key, struct kg_backing *backing,
                                             CK_SESSION_HANDLE session, struct kg_error *error);
KG_MUST_USE enum kg_status kg_token_destroy(struct kg_token_key *key, struct kg_backing *backing, struct kg_lane *lane,
                                            struct kg_error *error);

#endif
