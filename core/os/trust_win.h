/* Who may change a file: its owner, its access list, and those of the folders above it. */
#ifndef KG_CORE_OS_TRUST_WIN_H
#define KG_CORE_OS_TRUST_WIN_H

#include "core/base/error.h"
#include "core/os/trust.h"

/* An open file or folder (opened with READ_CONTROL). Trusted are the system, administrators, TrustedInstaller and the
 * process's user; with KG_TRUST_SHARED the owner as well. Folders may let others add things, as %ProgramData% does,
 * but not remove or replace what is there. KG_E_UNTRUSTED names the part of the path that fails. */
KG_MUST_USE enum kg_status kg_trust_check(void *handle, const char *path, enum kg_file_trust trust,
                                          struct kg_error *error);

#endif
