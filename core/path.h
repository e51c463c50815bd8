/* Paths as a configuration writes them. */
#ifndef KG_CORE_PATH_H
#define KG_CORE_PATH_H

#include <stdbool.h>

/* "/x" on POSIX; on Windows "C:\x" and "C:/x", and "%ProgramData%\x" and "%LOCALAPPDATA%\x", but no network path. */
bool kg_path_is_absolute(const char *path);
/* A copy with those two names replaced, and on Windows with backslashes. free() it; NULL: no memory. */
char *kg_path_expand(const char *path);
/* Where bindings are, unless configured: free() it; NULL: no memory. */
char *kg_path_state_dir(void);

#endif
