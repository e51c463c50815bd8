/* A `pkcs11:` key: an RSA key in a token behind a PKCS#11 library. Only this folder includes these headers, but for
 * store.h and uri.h.
 *
 * A backing is a token's library in this process, shared by all keys in it; there is one for each library and for each
 * process that forks, and it is never freed. A lane is one permit to call the library, with at most one session. Lanes
 * are taken and given back under a mutex, and no lock of ours is held while a library works: a thread in a library
 * holds a lane, nothing else. After a fork a child starts with new backings; the parent's are not touched. */
#ifndef KG_CORE_KEY_PKCS11_BACKING_KEY_H
#define KG_CORE_KEY_PKCS11_BACKING_KEY_H

#include "core/key/pkcs11/uri.h"
#include "core/key/store.h"

#include <stdint.h>

struct kg_backing;

struct kg_backing_key { /* a `pkcs11:` key */
  struct kg_key key;
  _Atomic(struct kg_backing *) backing;
  uint_least64_t number; /* never reused */
  const struct kg_pkcs11_uri *uri;
  char *serial;   /* of the token that it was found on: it stays the same one. NULL: not yet, or the URI names it */
  bool has_token; /* it was found and let us in, so it is only the key that may be missing */
  bool always_authenticate;
};

#endif
