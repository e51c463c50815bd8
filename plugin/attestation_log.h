/* The attestation library's log lines: kept while it works, handed to the host's log afterwards, so that nothing of the
 * host runs inside the library. Whatever looks like a token is taken out. */
#ifndef KG_PLUGIN_ATTESTATION_LOG_H
#define KG_PLUGIN_ATTESTATION_LOG_H

#include "keyguard/attestation.h"
#include "plugin/acquisition.h"

#include <stdbool.h>
#include <stddef.h>

#define KG_ATTESTATION_LOG_LINES 256 /* GO/attestation_windows.go; the oldest go first */

void kg_attestation_log_receive(void *context, const char *tag, int level, const char *function, int line,
                                const char *message); /* any thread */
void kg_attestation_log_start(void);                  /* forgets what an earlier call left */
/* The last lines of level error, "; " between them; the code alone cannot tell a denial from a missing TPM. */
void kg_attestation_log_errors(char *out, size_t size);
void kg_attestation_log_drain(const struct kg_acquisition *acquisition);

#endif
