/* The files that say where everything is: emulator.env, emulator.json, server-ca.pem, issuer-ca.pem. */
#ifndef AZURE_ENVIRONMENT_H
#define AZURE_ENVIRONMENT_H

#include "emulator.h"

/* Each appears whole or not at all, the .env and .json last. False with a message on stderr. */
bool az_environment_write(const struct az_emulator *emulator);
void az_environment_remove(const struct az_emulator *emulator);

#endif
