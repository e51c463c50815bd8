/* System call filters for hosts that lock themselves down. Raw filters, as the point is what the kernel sees. */
#ifndef KG_TESTS_MODULE_SANDBOX_H
#define KG_TESTS_MODULE_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

/* False: no filters here (another processor, a kernel without them). */
bool sandbox_is_possible(void);
/* From now on this process is killed at one of these calls; with `number`, the call fails with that errno instead. */
void sandbox_forbid(const long *calls, size_t count, int number);
/* And at every call but these. */
void sandbox_allow_only(const long *calls, size_t count);
/* No clone, clone3, fork, vfork: no thread and no child process. */
void sandbox_forbid_children(void);

#endif
