/* Everything that an attempt to provision depends on and an operator may mend, in one short text. */
#ifndef KG_CTL_FINGERPRINT_H
#define KG_CTL_FINGERPRINT_H

#include "core/state/config.h"

/* Hexadecimal SHA-256 over release, configuration file (which contents its name has now), and the settings that this
 * identity is provisioned with, the environment's metadata address included; PINs are not. free() it; NULL: no memory.
 */
char *kg_fingerprint(const struct kg_config *config, const struct kg_identity *identity);

#endif
