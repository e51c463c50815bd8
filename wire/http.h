/* HTTP with the fixed policy: no redirects, caps on size and time, no proxy on the metadata legs, https elsewhere.
 * Bodies and headers are never logged. One curl_global_init by the process's main, before any thread. */
#ifndef KG_WIRE_HTTP_H
#define KG_WIRE_HTTP_H

#include "core/buf.h"
#include "core/clock.h"

#include <openssl/ssl.h>
#include <stdint.h>

#define KG_HTTP_BODY_MAX (1024 * 1024) /* protocol 2.1: MIC/Http/HttpClientConfig.cs */

enum kg_http_kind {
  KG_HTTP_METADATA = 0, /* link-local: http or https, never a proxy */
  KG_HTTP_SECURE        /* https only, TLS 1.2 at least, peer and host verified */
};

struct kg_http_request {
  enum kg_http_kind kind;
  const char *method;                /* "GET" or "POST" */
  const char *url;
  const char *const *headers;        /* "Name: value", NULL-terminated */
  struct kg_span body;               /* POST */
  int64_t timeout_ms;                /* of this attempt; connecting gets 2 s of it for metadata, 10 s else */
  const char *ca_file;               /* extra trust (PEM), or NULL */
  const char *proxy;                 /* KG_HTTP_SECURE only; NULL: none, the environment is not asked */
  int tls_max;                       /* 12 or 13; 0: 13 */
  int (*tls_setup)(SSL_CTX *context, void *argument); /* client certificate; 1: done. NULL: none */
  void *tls_argument;
};

struct kg_http_response {
  int status;
  char server[128];
  char date[64];
  int64_t retry_after_s; /* -1: no usable Retry-After (seconds or HTTP date) */
  struct kg_buf body;    /* wiped when cleared */
  char remote[64];       /* "127.0.0.1:8443", for messages */
  unsigned char server_alert; /* TLS alert number the peer sent, 0: none */
};

/* KG_OK whatever the HTTP status. KG_E_TIMEOUT, KG_E_TLS, KG_E_TRANSPORT with native_code = CURLcode; text names the
 * host, never the query. A redirect is an answer, and is not followed. A body over the cap is KG_E_TRANSPORT. */
KG_MUST_USE enum kg_status kg_http_perform(const struct kg_http_request *request, struct kg_http_response *response,
                                           struct kg_error *error);
void kg_http_response_clear(struct kg_http_response *response);

/* RFC 3986 percent-encoding of everything but unreserved characters. free() it; NULL: no memory. */
char *kg_http_escape(const char *text);
/* A random version 4 UUID in its 36 characters. */
KG_MUST_USE enum kg_status kg_uuid_new(char out[37]);

/* An endpoint from an answer: https, no userinfo, backslash, dangling colon; scheme-less gets https; the path is dropped
 * (protocol 5.5, 8.1: GO/imdsv2.go). `allowed`: NULL-terminated host suffixes, empty or NULL: any. `*out`: free() it,
 * "https://host[:port]". */
KG_MUST_USE enum kg_status kg_endpoint_check(const char *text, const char *const *allowed, char **out,
                                             struct kg_error *error);

#endif
