/* Hex (lower case), base64 (RFC 4648 section 4) and base64url without padding (section 5). */
#ifndef KG_CORE_BASE_ENCODING_H
#define KG_CORE_BASE_ENCODING_H

#include "core/base/buf.h"

/* Each returns a NUL-terminated string to free(), or NULL when out of memory. */
char *kg_hex_format(struct kg_span data);
char *kg_base64_format(struct kg_span data);
char *kg_base64url_format(struct kg_span data);

/* KG_E_USAGE where the text is not exactly of its form (odd length, foreign character, wrong padding). */
KG_MUST_USE enum kg_status kg_hex_parse(const char *text, struct kg_buf *out);
KG_MUST_USE enum kg_status kg_base64_parse(const char *text, struct kg_buf *out);
KG_MUST_USE enum kg_status kg_base64url_parse(struct kg_span text, struct kg_buf *out);

#endif
