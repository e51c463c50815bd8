/* How Windows hands over arguments: one line, that each program takes apart. */
#ifndef KG_CTL_COMMAND_LINE_WIN_H
#define KG_CTL_COMMAND_LINE_WIN_H

#include <wchar.h>

/* free() it; NULL: no memory, or an argument is no UTF-8. `argv` ends with NULL. */
wchar_t *kg_command_line(char *const *argv);

#endif
