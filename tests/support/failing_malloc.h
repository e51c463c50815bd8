/* One allocation of the calling thread fails: the one whose turn it is. The linker leads the calls of the program that
 * links kg_failing_malloc here (--wrap): those of the archives in it, not those of shared libraries. */
#ifndef KG_TESTS_FAILING_MALLOC_H
#define KG_TESTS_FAILING_MALLOC_H

#include <stdbool.h>
#include <stddef.h>

/* From here on the allocation after `which` others fails, with ENOMEM. */
void failing_malloc_start(int which);
/* No more; true if there was such an allocation. */
bool failing_malloc_stop(void);

/* What replaces them, for a library that takes its allocator by pointer. */
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

#endif
