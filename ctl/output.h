/* What keyguardctl says: JSON objects or lines for people on standard output, errors on standard error. */
#ifndef KG_CTL_OUTPUT_H
#define KG_CTL_OUTPUT_H

#include "core/base/error.h"
#include "ctl/run.h"

#include <cJSON.h>

enum kg_colour { KG_COLOUR_NONE = 0, KG_COLOUR_GOOD, KG_COLOUR_WARN, KG_COLOUR_BAD };

/* `text` in colour where `stream` is a terminal that wants it (NO_COLOR and TERM=dumb are honoured). */
void kg_output_coloured(FILE *stream, enum kg_colour colour, const char *text);

/* Prints `object` and deletes it; NULL, or one that was made while memory ran out, is KG_E_NO_MEMORY's exit code and a
 * line on standard error. Else `exit_code`. */
int kg_output_json(struct kg_run *run, cJSON *object, int exit_code);

/* "keyguardctl: MSI_V2_ERROR (sub_code): text", with --json {"error":{...}} on standard output instead. Returns the
 * exit code of the error's status. */
int kg_output_error(struct kg_run *run, const struct kg_error *error);
/* The same with another exit code than the status's own. */
int kg_output_error_as(struct kg_run *run, const struct kg_error *error, int exit_code);
/* The same object, for commands that report several results; NULL: no memory. */
cJSON *kg_output_error_object(const struct kg_error *error);

/* NAME='value' with the value quoted for a POSIX shell. */
void kg_output_assignment(FILE *out, const char *name, const char *value);

/* "3 d 4 h", "59 s": two units at most. */
#define KG_DURATION_SIZE 32
void kg_duration_format(int64_t seconds, char out[KG_DURATION_SIZE]);

#endif
