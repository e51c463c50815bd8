/* Opening a key while other processes use the same token. */
#ifndef KG_CTL_PATIENCE_H
#define KG_CTL_PATIENCE_H

#include "core/clock.h"
#include "core/key_store.h"

/* kg_key_open, repeated for a moment where the token or its key seems not to be there: SoftHSM 2.6 rewrites a token's
 * file at every login, and releases its lock before the new contents are written, so that another process may find an
 * empty one. */
KG_MUST_USE enum kg_status kg_key_open_patiently(const char *store, unsigned flags, const struct kg_clock *clock,
                                                 struct kg_key **out, struct kg_error *error);

#endif
