/* For tests that look for secrets where none may be: on demand every secret that passes is written down. */
#ifndef AZURE_SECRETS_H
#define AZURE_SECRETS_H

#include "emulator.h"

/* Appends the line "KIND TEXT" to the file of --record-secrets (mode 0600); does nothing without one. */
void az_secrets_note(const struct az_emulator *emulator, const char *kind, const char *text);

#endif
