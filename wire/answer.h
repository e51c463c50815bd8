/* What an unsuccessful answer says about itself, in the three forms that the two services use. */
#ifndef KG_WIRE_ANSWER_H
#define KG_WIRE_ANSWER_H

#include "core/base/error.h"
#include "wire/http_message.h"

#define KG_DESCRIPTION_MAX 256 /* docs/protocol.md 12: a trimmed description and never a body */

/* Writes "what: HTTP 400, invalid_request: description" with http_status, oauth_error and aadsts; returns `status`.
 * Bodies: {"error","error_description"} (RFC 6749 section 5.2, also "error_codes"), {"message","correlationId"}, or
 * anything else, which is not quoted. */
enum kg_status kg_answer_error(enum kg_status status, const char *what, const struct kg_http_response *response,
                               struct kg_error *error);

#endif
