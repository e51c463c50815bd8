/* The generations whose handles are good in one place (a session, a slot): the newest that was shown there, and the one
 * before. So a handle outlives the next renewal, and no number of them piles up. Whoever shares a view guards it. */
#ifndef KG_PKCS11_VIEW_H
#define KG_PKCS11_VIEW_H

#include "pkcs11/generation.h"

struct kg_view { /* counted; NULL: none so far */
  struct kg_generation *now, *before;
};

/* Takes `next`, which may be NULL: then nothing has changed. What is returned is the caller's to give back, without its
 * lock, as that may close a key. */
KG_MUST_USE struct kg_generation *kg_view_move(struct kg_view *view, struct kg_generation *next);
/* The object and the newest generation that has it, both borrowed. NULL: nobody was given such a handle, or too long
 * ago. */
const struct kg_object *kg_view_find(const struct kg_view *view, CK_OBJECT_HANDLE handle, struct kg_generation **in);
void kg_view_clear(struct kg_view *view);

#endif
