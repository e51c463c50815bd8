/* Sessions of a key in lanes of its backing. */
#ifndef KG_CORE_KEY_PKCS11_LEASE_H
#define KG_CORE_KEY_PKCS11_LEASE_H

#include "core/base/error.h"
#include "core/key/pkcs11/backing.h"
#include "core/key/pkcs11/backing_key.h"

/* One that is open and logged in and knows the key's handles; KG_E_KEY_DEAD where the key is gone. */
KG_MUST_USE enum kg_status kg_lease_take(struct kg_backing_key *key, struct kg_backing *backing, struct kg_lane **out,
                                         struct kg_error *error);
void kg_lease_give(struct kg_backing *backing, struct kg_lane *lane);
void kg_lease_drop(struct kg_backing *backing, struct kg_lane *lane);   /* closes the session, gives the lane back */
void kg_lease_forget(struct kg_backing *backing, struct kg_lane *lane); /* the same, the session is gone already */
/* An open, logged in session in a lane of its own, read-write for `flags` CKF_RW_SESSION; no handles yet. */
KG_MUST_USE enum kg_status kg_lease_open(struct kg_backing_key *key, struct kg_backing *backing, CK_FLAGS flags,
                                         struct kg_lane **out, CK_SLOT_ID *slot, CK_TOKEN_INFO *info,
                                         struct kg_error *error);

#endif
