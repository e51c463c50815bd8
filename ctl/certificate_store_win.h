/* The issued certificate in Windows's own certificate store, where Schannel programs find it. Windows only. */
#ifndef KG_CTL_CERTIFICATE_STORE_WIN_H
#define KG_CTL_CERTIFICATE_STORE_WIN_H

#include "core/base/error.h"
#include "core/key/cng/key_name.h"
#include "core/state/binding.h"

#include <stddef.h>

/* CurrentUser\My for a user's key, LocalMachine\My for the machine's. The entry gets the friendly name
 * "KeyGuard|IDENTITY" and the key's container as its key provider information, never private bytes. Entries of the same
 * identity that it replaces are removed: those with exactly this friendly name, that name our container, and hold
 * another certificate. Nobody else's entry is touched, whatever its issuer. */
KG_MUST_USE enum kg_status kg_certificate_store_install(const struct kg_binding *binding,
                                                        const struct kg_cng_name *name, size_t *removed,
                                                        struct kg_error *error);
/* Removes the identity's entries, the current one included. */
KG_MUST_USE enum kg_status kg_certificate_store_remove(const char *identity, const struct kg_cng_name *name,
                                                       size_t *removed, struct kg_error *error);

#endif
