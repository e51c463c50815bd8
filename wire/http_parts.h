/* What the files of the HTTP client share. Nothing else includes this. */
#ifndef KG_WIRE_HTTP_PARTS_H
#define KG_WIRE_HTTP_PARTS_H

#include "core/base/error.h"
#include "wire/http_message.h"

#include <curl/curl.h>

struct kg_http_transfer { /* one attempt */
  const struct kg_http_request *request;
  struct kg_http_response *response;
  CURL *curl;
  char host[264]; /* "host" or "host:port", for messages */
  char detail[CURL_ERROR_SIZE];
  bool body_too_large, no_memory;
  bool trust_failed; /* ca_file could not be read */
  bool setup_failed; /* tls_setup said no */
};

/* Trust, alert observation and the client certificate, on the context that libcurl is about to use. False: no memory.
 */
bool kg_http_tls_attach(struct kg_http_transfer *transfer);
/* Describes a failed transfer. */
enum kg_status kg_http_error(const struct kg_http_transfer *transfer, CURLcode code, struct kg_error *error);

#endif
