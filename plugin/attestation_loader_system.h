/* What each system adds to loading the attestation library: attestation_loader.c alone includes this. */
#ifndef KG_PLUGIN_ATTESTATION_LOADER_SYSTEM_H
#define KG_PLUGIN_ATTESTATION_LOADER_SYSTEM_H

#include "core/base/error.h"

extern const char kg_attestation_file_name[]; /* beside the file that holds this code, unless configured */

/* Nobody can exchange the file while it is held; NULL: the system has no such thing, or there is no file. */
void *kg_attestation_file_hold(const char *path);
void kg_attestation_file_release(void *held);
/* Whose signature it has, where files have one; asked only where no hash is pinned, which says more. */
KG_MUST_USE enum kg_status kg_attestation_file_check_signature(const char *path, struct kg_error *error);
const char *kg_attestation_file_hint(long code); /* on why it cannot be loaded; NULL: nothing is known */

#endif
