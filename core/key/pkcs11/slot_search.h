/* Which slot has the key's token. */
#ifndef KG_CORE_KEY_PKCS11_SLOT_SEARCH_H
#define KG_CORE_KEY_PKCS11_SLOT_SEARCH_H

#include "core/base/error.h"
#include "core/key/pkcs11/backing.h"
#include "core/key/pkcs11/backing_key.h"

/* KG_E_KEY_NOT_FOUND; KG_E_CONFIG with both named where two match. */
KG_MUST_USE enum kg_status kg_backing_find_slot(struct kg_backing_key *key, struct kg_backing *backing,
                                                CK_SLOT_ID *slot, CK_TOKEN_INFO *info, struct kg_error *error);

#endif
