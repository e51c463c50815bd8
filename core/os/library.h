/* Shared libraries: the one place that loads them and asks for what is in them. Whether a file may be loaded is for the
 * caller to decide, before. */
#ifndef KG_CORE_OS_LIBRARY_H
#define KG_CORE_OS_LIBRARY_H

#ifdef _WIN32
#define KG_LIBRARY_SUFFIX ".dll"
#else
#define KG_LIBRARY_SUFFIX ".so"
#endif

typedef void kg_library_function(void); /* any function; the caller casts it to what it is */

struct kg_library_failure {
  long code;      /* GetLastError's; 0 on POSIX, which has none */
  char text[256]; /* why, in the system's words */
};

/* An absolute path. Everything is resolved at once, and nothing of it is offered to others; on Windows what it needs
 * comes from its own folder and System32 alone, never from the current folder, PATH or the application's folder. NULL:
 * `failure` says why. */
void *kg_library_open(const char *path, struct kg_library_failure *failure);
void kg_library_close(void *library); /* only where nothing of it was called: it may have registered handlers */
/* In the library and in what it needs; NULL: none. */
kg_library_function *kg_library_find(void *library, const char *name);
/* Which loaded file a function is in: equal for two functions of one file, by whatever name it was opened. NULL: none.
 */
const void *kg_library_of(kg_library_function *function);
/* The folder of the file that this very code is in; free() it. NULL: unknown, or no memory. */
char *kg_library_own_folder(void);

#endif
