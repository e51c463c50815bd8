/* Paths as a configuration writes them. */
#ifndef KG_CORE_OS_PATH_H
#define KG_CORE_OS_PATH_H

#include <stdbool.h>

/* "/x" on POSIX; on Windows "C:\x" and "C:/x", and "%ProgramData%\x" and "%LOCALAPPDATA%\x", but no network path. */
bool kg_path_is_absolute(const char *path);
/* A copy with those two names replaced, and on Windows with backslashes. free() it; NULL: no memory. */
char *kg_path_expand(const char *path);
/* Names of files in one folder: whether two are the same file's, and whether one can be a file's. Windows does not tell
 * case apart, and has devices that are in every folder (NUL, COM1, also with a suffix). */
bool kg_path_is_same_name(const char *a, const char *b);
bool kg_path_is_file_name(const char *name);
/* The one that an absolute path is in. free() it; NULL: no memory. */
char *kg_path_folder(const char *path);
/* Where bindings are, unless configured: free() it; NULL: no memory. */
char *kg_path_state_dir(void);

#endif
