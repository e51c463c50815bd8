/* One slot a configured identity, fixed for the life of an initialisation; its number is a hash of the identity's
 * name. Whether there is a token in it may change at any call. */
#ifndef KG_PKCS11_SLOT_H
#define KG_PKCS11_SLOT_H

#include "core/base/error.h"
#include "core/state/config.h"
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
  struct kg_slot *items; /* in the order of the configuration */
  size_t count;
};

/* `config` and `clock` are borrowed. Touches no file. */
KG_MUST_USE enum kg_status kg_slots_build(const struct kg_config *config, const struct kg_clock *clock,
                                          struct kg_slots *out);
void kg_slots_clear(struct kg_slots *slots);

struct kg_slot *kg_slots_find(struct kg_slots *slots, CK_SLOT_ID id); /* NULL: none */

bool kg_slot_has_token(struct kg_slot *slot);
/* The generation that a new session begins with, counted. Has the token provisioned where there is none and that is
 * allowed: may take as long as keyguardctl is given. NULL: there is none, and `error` tells why if somebody knows. */
struct kg_generation *kg_slot_obtain_token(struct kg_slot *slot, struct kg_error *error);
/* The same for a search, which looks at the file itself, however short ago somebody else did: what is told to load a
 * new certificate may be told so at the moment it is written. */
struct kg_generation *kg_slot_obtain_newest(struct kg_slot *slot, struct kg_error *error);

#endif
