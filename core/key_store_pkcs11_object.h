/* The key's objects on its token. */
#ifndef KG_CORE_KEY_STORE_PKCS11_OBJECT_H
#define KG_CORE_KEY_STORE_PKCS11_OBJECT_H

#include "core/key_store_pkcs11.h"

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

#endif
