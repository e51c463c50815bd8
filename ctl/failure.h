/* The memory of failed attempts: a file beside the binding, so that a service that restarts again and again does not
 * hammer the metadata service. Holds no secret: status and text of the error, when, and until when nobody tries again.
 */
#ifndef KG_CTL_FAILURE_H
#define KG_CTL_FAILURE_H

#include "core/base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define KG_FAILURE_DELAY_FIRST_S 10
#define KG_FAILURE_DELAY_MAX_S 600

/* Hexadecimal SHA-256 (ctl/fingerprint.h). */
#define KG_FAILURE_FINGERPRINT_SIZE 65

struct kg_failure {
  unsigned count;                                /* in a row */
  int64_t at, until;                             /* seconds since 1970 */
  char fingerprint[KG_FAILURE_FINGERPRINT_SIZE]; /* of what it was tried with */
  struct kg_error error;
};

char *kg_failure_path(const char *state_dir, const char *identity); /* free() it; NULL: no memory */
/* False: none, or a damaged one, which is the same. */
bool kg_failure_load(const char *path, struct kg_failure *out);
/* Adds one to what is remembered for the same fingerprint; the delay doubles each time, and is at least
 * `retry_after_s` within KG_FAILURE_DELAY_MAX_S. A failure to write is logged and otherwise nothing. */
void kg_failure_note(const char *path, const struct kg_error *error, const char *fingerprint, int64_t retry_after_s,
                     int64_t now);
void kg_failure_forget(const char *path);

int64_t kg_failure_delay(unsigned count); /* seconds */
/* Of the same fingerprint: what was changed since is tried at once. A clock that went backwards does not keep anybody
 * waiting for longer than the longest delay. */
bool kg_failure_is_active(const struct kg_failure *failure, const char *fingerprint, int64_t now);

#endif
