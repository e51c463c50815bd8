/* Windows only. */
#ifndef KG_CORE_OS_LIBRARY_WIN_H
#define KG_CORE_OS_LIBRARY_WIN_H

#include "core/os/library.h"

#include <wchar.h>

/* One of Windows's own, by its name: from System32 and from nowhere else. */
void *kg_library_open_system(const wchar_t *name, struct kg_library_failure *failure);

#endif
