/* UTF-8, which all our paths are, to the UTF-16 that Windows takes, and back. Windows only. */
#ifndef KG_CORE_BASE_WIDE_WIN_H
#define KG_CORE_BASE_WIDE_WIN_H

#include <wchar.h>

wchar_t *kg_wide_dup(const char *text);     /* free() it; NULL: no memory, or not UTF-8 */
char *kg_wide_to_utf8(const wchar_t *text); /* free() it; NULL: no memory, or not UTF-16 */

#endif
