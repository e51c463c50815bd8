/* errno to status and text, for the files that talk to the system. */
#ifndef KG_CORE_OS_ERRNO_POSIX_H
#define KG_CORE_OS_ERRNO_POSIX_H

#include "core/base/error.h"

/* "cannot DOING 'PATH': text of errno". ENOENT and ENOTDIR: KG_E_NOT_FOUND; EACCES, EPERM and EROFS: KG_E_ACCESS;
 * ENOMEM: KG_E_NO_MEMORY; else KG_E_IO. native_code is the errno. */
enum kg_status kg_errno_report(int number, const char *doing, const char *path, struct kg_error *error);
/* openat(2) of what is there, and again where a signal came in between (a network file system may be interrupted). */
int kg_errno_openat(int folder, const char *path, int flags);

#endif
