#include "pkcs11/view.h"

struct kg_generation *kg_view_move(struct kg_view *view, struct kg_generation *next) {
  if (next == NULL || next == view->now) return next;
  struct kg_generation *dropped = view->before;
  view->before = view->now;
  view->now = next;
  return dropped;
}

const struct kg_object *kg_view_find(const struct kg_view *view, CK_OBJECT_HANDLE handle, struct kg_generation **in) {
  struct kg_generation *const known[] = {view->now, view->before};
  for (size_t i = 0; i < sizeof known / sizeof known[0] && known[i] != NULL; i++) {
    const struct kg_object *object = kg_objects_find(&known[i]->objects, handle);
    if (object == NULL) continue;
    *in = known[i];
    return object;
  }
  return NULL;
}

void kg_view_clear(struct kg_view *view) {
  kg_generation_unref(&view->now);
  kg_generation_unref(&view->before);
}
