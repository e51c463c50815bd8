/* Runs keyguardctl's commands inside the test: command line in, text and exit code out. The plugin issues by itself,
 * the key is in a real token, identity "web" may be provisioned and "weak" may not. */
#ifndef SUPPORT_COMMANDS_H
#define SUPPORT_COMMANDS_H

#include "ctl/command.h"

#include <cJSON.h>

extern struct support_ran {
  int exit_code;
  char out[32768], err[8192], log[65536];
} ran; /* the last one */

extern const char *configuration, *empty_configuration; /* paths */

int commands_setup(void **state); /* cmocka group fixtures */
int commands_teardown(void **state);
int commands_clean(void **state); /* each case begins without a binding */

/* Splits the line at its blanks. */
void run(const struct kg_command *command, const char *line);
bool printed(const char *text); /* anywhere */
void expect(int exit_code);
cJSON *json(void);                                          /* standard output; cJSON_Delete() it */
const char *text_of(const cJSON *object, const char *name); /* "": no such text */

#endif
