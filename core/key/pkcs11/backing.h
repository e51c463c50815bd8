/* A token's library: initialised once, by whoever comes first, and ended by nobody else; see backing_key.h. */
#ifndef KG_CORE_KEY_PKCS11_BACKING_H
#define KG_CORE_KEY_PKCS11_BACKING_H

#include "core/base/error.h"
#include "core/key/pkcs11/lanes.h"

#include <stdatomic.h>

struct kg_backing_key;

struct kg_backing {
  struct kg_backing *next;
  char *path; /* resolved */
  const CK_FUNCTION_LIST *f;
  bool is_client;          /* p11-kit-client.so: the token is behind a socket */
  atomic_bool is_tpm2;     /* libtpm2_pkcs11: one call at a time, PSS salt = hash length */
  atomic_uint users;       /* open keys */
  atomic_bool ready;       /* initialised, as far as we know */
  atomic_bool owned;       /* by us, so finalised by us */
  bool watched;            /* kg_exit_watch() knows of it; under the turn */
  atomic_uint epoch;       /* counts initialisations; handles of an older one mean nothing */
  atomic_flag turn, login; /* one thread at a time in C_Initialize and C_Finalize; in C_Login */
  struct kg_lanes lanes;   /* they know the process that the rest belongs to, too */
};

KG_MUST_USE enum kg_status kg_backing_acquire(const char *path, struct kg_backing **out, struct kg_error *error);
void kg_backing_release(struct kg_backing *backing);
/* Somebody finalised the library that had `epoch`: initialises it again unless another thread did. */
KG_MUST_USE enum kg_status kg_backing_renew(struct kg_backing *backing, unsigned epoch, struct kg_error *error);
/* After a failure that was met with `epoch`: where the token is behind a socket, whose server is gone or was, connects
 * anew unless another thread did. Whether that is worth another attempt. */
bool kg_backing_reconnect(struct kg_backing *backing, unsigned epoch);
/* The key's backing in this process. */
KG_MUST_USE enum kg_status kg_backing_of(struct kg_backing_key *key, struct kg_backing **out, struct kg_error *error);
bool kg_turn_take(atomic_flag *turn); /* false: not within KG_LANE_WAIT_MS */
void kg_turn_give(atomic_flag *turn);

#endif
