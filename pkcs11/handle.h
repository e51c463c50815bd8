/* Numbers for what an application holds. A handle is an index and a tag; it is never 0 and is not given out twice in a
 * process, finalised or not, so a stale one is recognised. */
#ifndef KG_PKCS11_HANDLE_H
#define KG_PKCS11_HANDLE_H

#include "core/base/status.h"
#include "keyguard/cryptoki.h"

#include <stdbool.h>
#include <stddef.h>

#define KG_HANDLE_LIMIT 65536 /* open at once */

struct kg_handles;

typedef void kg_handle_free_function(void *item);

/* NULL: no memory. `free_item` runs when an item is closed and no longer in use, on the thread that let go last. */
struct kg_handles *kg_handles_new(kg_handle_free_function *free_item);
/* Closes what is open. Nobody else may be using the table. */
void kg_handles_free(struct kg_handles **handles);

/* Takes `item`. False: 65536 are open, or no memory; the item stays the caller's. */
KG_MUST_USE bool kg_handle_open(struct kg_handles *handles, void *item, CK_ULONG *handle);
/* The item, in use until kg_handle_release() of the same handle; NULL: not open. */
void *kg_handle_acquire(struct kg_handles *handles, CK_ULONG handle);
void kg_handle_release(struct kg_handles *handles, CK_ULONG handle);
/* From now on unknown. Does not wait for those who use it. False: it was not open. */
KG_MUST_USE bool kg_handle_close(struct kg_handles *handles, CK_ULONG handle);
/* The next open handle at or behind `*position` (begin with 0); 0: no more. */
CK_ULONG kg_handle_next(struct kg_handles *handles, size_t *position);

#endif
