/* Walking a path from the root, each folder and link of it checked by descriptor before the next step is taken, so that
 * nobody can exchange a part between the check and the use. */
#ifndef KG_CORE_OS_TRUST_POSIX_H
#define KG_CORE_OS_TRUST_POSIX_H

#include "core/base/error.h"
#include "core/os/trust.h"

/* With `fd`: the regular file, open for reading and close-on-exec. With NULL: the verdict on a file or folder alone.
 * KG_E_UNTRUSTED names the part of the path that fails. */
KG_MUST_USE enum kg_status kg_trust_open(const char *path, enum kg_file_trust trust, int *fd, struct kg_error *error);

#endif
