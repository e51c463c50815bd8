/* What is known about PINs of backing tokens beyond this process: whether the token took or refused the one that a
 * source (a file, or the configuration itself) held when it was looked at. A file .pin.HASH in the state folder for
 * each token and source, without a PIN or anything computed from one. keyguardctl writes, the module reads. */
#ifndef KG_CORE_KEY_PIN_MEMORY_H
#define KG_CORE_KEY_PIN_MEMORY_H

#include "core/base/error.h"
#include "core/os/file.h"
#include "core/os/lock.h"

#include <stdbool.h>

enum kg_pin_verdict { KG_PIN_UNKNOWN = 0, KG_PIN_GOOD, KG_PIN_REFUSED };

struct kg_pin_source {
  char serial[17];      /* of the token */
  const char *path;     /* of its file; NULL: the configuration */
  struct kg_file_id id; /* filled by kg_pin_memory_identify where it is the configuration */
};

/* From now on, for the process; NULL: nothing is remembered. Called before keys are opened, by any thread. Fails for
 * want of memory only, and then changes nothing. */
KG_MUST_USE enum kg_status kg_pin_memory_use(const char *state_dir, const char *config_path, bool may_write);
/* Who only looks leaves nothing behind but a refusal. */
void kg_pin_memory_look_only(void);
bool kg_pin_memory_is_used(void);
/* Whoever can write down what comes of it, or was asked by somebody who reads the answer, may try a PIN of which
 * nothing is known though the token says that a wrong one was tried. */
bool kg_pin_memory_may_try(void);

void kg_pin_memory_identify(struct kg_pin_source *source);
enum kg_pin_verdict kg_pin_memory_find(const struct kg_pin_source *source);
void kg_pin_memory_note(const struct kg_pin_source *source, enum kg_pin_verdict verdict);
/* So that of many processes one tries a PIN. `*lock` NULL with KG_OK: there is no place for one. */
KG_MUST_USE enum kg_status kg_pin_memory_lock(const struct kg_pin_source *source, struct kg_lock **lock,
                                              struct kg_error *error);

#endif
