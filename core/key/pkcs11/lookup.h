/* The key's objects on its token. */
#ifndef KG_CORE_KEY_PKCS11_LOOKUP_H
#define KG_CORE_KEY_PKCS11_LOOKUP_H

#include "core/base/error.h"
#include "core/key/pkcs11/backing.h"
#include "core/key/pkcs11/backing_key.h"

/* KG_E_KEY_NOT_FOUND; KG_E_CONFIG with both named where two match. */
KG_MUST_USE enum kg_status kg_backing_key_find_private(struct kg_backing_key *key, struct kg_backing *backing,
                                                       CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *out,
                                                       struct kg_error *error);
/* Into lane->public_key; 0: no public key object for this private key. */
KG_MUST_USE enum kg_status kg_backing_key_find_public(struct kg_backing_key *key, struct kg_backing *backing,
                                                      struct kg_lane *lane, struct kg_error *error);
/* Fills key->key.info from the lane's private key. */
KG_MUST_USE enum kg_status kg_backing_key_describe(struct kg_backing_key *key, struct kg_backing *backing,
                                                   struct kg_lane *lane, CK_SLOT_ID slot, const CK_TOKEN_INFO *info,
                                                   struct kg_error *error);
/* KG_E_KEY_DEAD: what was found in the lane's session is another key than the one that was described. */
KG_MUST_USE enum kg_status kg_backing_key_check(struct kg_backing_key *key, struct kg_backing *backing,
                                                struct kg_lane *lane, struct kg_error *error);

#endif
