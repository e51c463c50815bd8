/* GetLastError() to status and text, for the files that talk to Windows. */
#ifndef KG_CORE_OS_ERROR_WIN_H
#define KG_CORE_OS_ERROR_WIN_H

#include "core/base/error.h"

/* "cannot DOING 'PATH': error N (text)". Not found: KG_E_NOT_FOUND; denied: KG_E_ACCESS; no memory: KG_E_NO_MEMORY;
 * else KG_E_IO. native_code is the number. */
enum kg_status kg_win_report(unsigned long code, const char *doing, const char *path, struct kg_error *error);

#endif
