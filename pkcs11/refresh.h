/* When an identity's binding is looked at again, and what is kept of it: at each search, else at most once a second,
 * one stat where nothing changed; never on a signature. */
#ifndef KG_PKCS11_REFRESH_H
#define KG_PKCS11_REFRESH_H

#include "core/base/clock.h"
#include "core/os/file.h"
#include "core/os/mutex.h"
#include "pkcs11/view.h"

struct kg_refresh {
  const struct kg_identity *identity; /* borrowed, as is the clock */
  const struct kg_clock *clock;
  char *path;
  struct kg_mutex mutex; /* guards what follows; held while our own file is read, never while a key store works */
  bool looked, withdrawn, present;
  int64_t looked_ms;
  struct kg_file_id seen; /* the contents that were judged last, good or bad */
  enum kg_status told;    /* why there was no judgement at the last look, as the log has it */
  long told_code;
  struct kg_view view; /* the last good one, and the one before */
};

KG_MUST_USE enum kg_status kg_refresh_init(struct kg_refresh *refresh, const struct kg_identity *identity,
                                           const char *state_dir, const struct kg_clock *clock);
void kg_refresh_clear(struct kg_refresh *refresh);
/* The generation that is shown now, counted; NULL: there is no token now. */
struct kg_generation *kg_refresh_look(struct kg_refresh *refresh);
/* The same at once, however short ago the last look was: for a search, or who just asked for a binding to be written.
 */
struct kg_generation *kg_refresh_look_again(struct kg_refresh *refresh);
/* The generation that gave out this handle, counted, whether or not there is a token now. Looks at no file. NULL:
 * neither the last good one nor the one before. */
struct kg_generation *kg_refresh_find(struct kg_refresh *refresh, CK_OBJECT_HANDLE handle);

#endif
