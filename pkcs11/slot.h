/* One slot a configured identity, fixed for the life of an initialisation; its number is a hash of the identity's
 * name. Whether there is a token in it may change at any call. */
#ifndef KG_PKCS11_SLOT_H
#define KG_PKCS11_SLOT_H

#include "core/state/config.h"
#include "pkcs11/call.h"
#include "pkcs11/login.h"
#include "pkcs11/on_demand.h"
#include "pkcs11/refresh.h"

struct kg_slot {
  CK_SLOT_ID id;
  const struct kg_identity *identity;
  struct kg_refresh refresh;
  struct kg_login login;
  struct kg_on_demand on_demand;
};

struct kg_slots {
  struct kg_slot *items; /* by number */
  size_t count;
};

/* `config` and `clock` are borrowed. Touches no file. */
KG_MUST_USE enum kg_status kg_slots_build(const struct kg_config *config, const struct kg_clock *clock,
                                          struct kg_slots *out);
void kg_slots_clear(struct kg_slots *slots);

/* CKR_SLOT_ID_INVALID. */
CK_RV kg_slot_require(struct kg_call *call, CK_SLOT_ID id, struct kg_slot **out);
/* And CKR_TOKEN_NOT_PRESENT. `*generation` is counted; `slot` may be NULL. */
CK_RV kg_slot_require_token(struct kg_call *call, CK_SLOT_ID id, struct kg_slot **slot,
                            struct kg_generation **generation);
/* And has the token provisioned where that is allowed: may take as long as keyguardctl is given. */
CK_RV kg_slot_obtain_token(struct kg_call *call, CK_SLOT_ID id, struct kg_slot **slot,
                           struct kg_generation **generation);

CK_RV kg_slot_call_list(struct kg_call *call, CK_BBOOL token_present, CK_SLOT_ID *list, CK_ULONG *count);
CK_RV kg_slot_call_info(struct kg_call *call, CK_SLOT_ID id, CK_SLOT_INFO *info);
CK_RV kg_slot_call_wait(struct kg_call *call, CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved);

#endif
