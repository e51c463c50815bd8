/* A certificate with its private key, for tests that need one without going through the protocol. */
#ifndef AZURE_SOFTWARE_CREDENTIAL_H
#define AZURE_SOFTWARE_CREDENTIAL_H

#include "emulator.h"

/* order: {"identity":"system|user1|user2","foreign":bool,"validity_s","not_before_s","token_not_after_s","eku"}, all
 * optional; foreign: from an issuer of the same name that nobody trusts. NULL and the credential, or what is wrong (the
 * caller frees either). */
char *az_software_credential_make(struct az_emulator *emulator, const cJSON *order, cJSON **credential);

#endif
