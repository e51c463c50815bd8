/* Foreign text (an error description, a native log line) made fit for a log or an error: no secret, no control
 * character. */
#ifndef KG_WIRE_REDACT_H
#define KG_WIRE_REDACT_H

#include <stddef.h>

/* What looks like a JWT, or like 60 and more characters of base64 or hex, becomes "[redacted]"; control characters
 * become blanks, and what is not ASCII '?'. Cut with "..." to `size` bytes, NUL included; `size` is 16 or more. Names,
 * GUIDs, host names and Azure resource ids stay readable. */
void kg_redact(const char *text, char *out, size_t size);

#endif
