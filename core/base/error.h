/* What a failed call describes itself with. */
#ifndef KG_CORE_BASE_ERROR_H
#define KG_CORE_BASE_ERROR_H

#include "core/base/status.h"

/* Filled by the call that failed; zero where a field does not apply. Never holds a secret. */
struct kg_error {
  enum kg_status status;
  int http_status;
  long native_code;
  char sub_code[64];    /* finer than the status; empty: the status's own (kg_status_sub_code) */
  char oauth_error[64]; /* RFC 6749 section 5.2 "error" */
  char aadsts[24];      /* e.g. "AADSTS1000612" */
  char correlation_id[40];
  char text[512]; /* one line: what, where, and where known what to do */
};

void kg_error_clear(struct kg_error *error);
/* Of one that was never written: no status and no text. The rest, which nobody reads without a status, stays what it
 * is; for where clearing 700 bytes at every call would show. */
void kg_error_begin(struct kg_error *error);
/* Clears `error` (NULL is allowed), writes status and text, returns `status`. Long text is cut with "...". */
enum kg_status kg_error_set(struct kg_error *error, enum kg_status status, const char *format, ...) KG_PRINTF(3, 4);
/* The same, with the number that another party gave: errno, CK_RV, CURLcode, ... */
enum kg_status kg_error_set_code(struct kg_error *error, enum kg_status status, long native_code, const char *format,
                                 ...) KG_PRINTF(4, 5);
/* KG_E_NO_MEMORY, "no memory " and what it was for: "to read '/etc/x'". */
enum kg_status kg_error_no_memory(struct kg_error *error, const char *purpose, ...) KG_PRINTF(2, 3);
/* What a callee wrote gets another status, which is returned, and loses the finer sub-code of the one it had. */
enum kg_status kg_error_change(struct kg_error *error, enum kg_status status);
/* The same, and puts "prefix: " before its text. */
enum kg_status kg_error_prefix(struct kg_error *error, enum kg_status status, const char *format, ...) KG_PRINTF(3, 4);
/* Whole, from another error. */
enum kg_status kg_error_copy(struct kg_error *error, const struct kg_error *from);
/* Puts words behind its text. */
void kg_error_append(struct kg_error *error, const char *format, ...) KG_PRINTF(2, 3);
const char *kg_error_sub_code(const struct kg_error *error); /* its own, else its status's */

#endif
