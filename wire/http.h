/* HTTP with the fixed policy: no redirects, caps on size and time, no proxy on the metadata legs, https elsewhere.
 * Bodies and headers are never logged, and nothing is read from the environment: no proxy, no netrc, no key log.
 * The process's main calls kg_crypto_isolate() and then curl_global_init() once, before any thread. */
#ifndef KG_WIRE_HTTP_H
#define KG_WIRE_HTTP_H

#include "core/base/error.h"
#include "wire/http_message.h"

/* KG_OK whatever the HTTP status; a redirect is an answer, and is not followed. Else, with native_code = CURLcode:
 *   KG_E_TLS        sub_code "server_untrusted", "peer_alert" (server_alert is set), "client_certificate", or none
 *   KG_E_TRANSPORT  sub_code "connection_reset" (reset is set), "connection_closed" (before the answer was whole),
 *                   "body_too_large", or none: refused, DNS, no HTTP
 *   KG_E_TIMEOUT    KG_E_USAGE (a URL, method or proxy outside the policy)   KG_E_NO_MEMORY
 * The text names the host, never path or query. */
KG_MUST_USE enum kg_status kg_http_perform(const struct kg_http_request *request, struct kg_http_response *response,
                                           struct kg_error *error);
void kg_http_response_clear(struct kg_http_response *response);

/* RFC 3986 percent-encoding of everything but unreserved characters. free() it; NULL: no memory. */
char *kg_http_escape(const char *text);

#endif
