/* How well a key is kept, in one ordered word. */
#ifndef KG_CORE_BASE_STRENGTH_H
#define KG_CORE_BASE_STRENGTH_H

#include "core/base/status.h"

/* What may be believed of where the key lives. keyguard: a `cng:` key that Windows says is isolated. hardware: a
 * `pkcs11:` key that its token made and says can never leave it (CKA_LOCAL, CKA_NEVER_EXTRACTABLE), where the library
 * is libtpm2_pkcs11 or the slot says it is hardware (CKF_HW_SLOT). software: every other key; SoftHSM always. */
enum kg_strength { KG_STRENGTH_NONE = 0, KG_STRENGTH_SOFTWARE = 1, KG_STRENGTH_HARDWARE = 2, KG_STRENGTH_KEYGUARD = 3 };

const char *kg_strength_name(enum kg_strength strength); /* none software hardware keyguard */
KG_MUST_USE enum kg_status kg_strength_parse(const char *text, enum kg_strength *out);

#endif
