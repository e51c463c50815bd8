/* What is asked of the HTTP client, and what it answers. */
#ifndef KG_WIRE_HTTP_MESSAGE_H
#define KG_WIRE_HTTP_MESSAGE_H

#include "core/base/buf.h"

#include <openssl/ssl.h>
#include <stdint.h>

#define KG_HTTP_BODY_MAX (1024 * 1024) /* docs/protocol.md 2.1: MIC/Http/HttpClientConfig.cs */

enum kg_http_kind {
  KG_HTTP_METADATA = 0, /* link-local: http or https, never a proxy */
  KG_HTTP_SECURE        /* https only, TLS 1.2 at least, peer and host verified */
};

struct kg_http_request {
  enum kg_http_kind kind;
  const char *method; /* "GET" or "POST" */
  const char *url;
  const char *const *headers; /* "Name: value", NULL-terminated; NULL: none */
  struct kg_span body;        /* POST */
  int64_t timeout_ms;         /* of this attempt; connecting gets 2 s of it for metadata, 10 s else */
  const char *ca_file;        /* trusted in addition to the system's store (PEM), or NULL */
  const char *proxy;          /* KG_HTTP_SECURE only, http://host:port; NULL: none, the environment is not asked */
  int tls_max;                /* 12 or 13; 0: 13 */
  int (*tls_setup)(SSL_CTX *context, void *argument); /* client certificate; 1: done. NULL: none */
  void *tls_argument;
  bool connect_only; /* as far as the handshake, and then nothing is asked */
};

struct kg_http_response { /* {0} it first; cleared and filled by kg_http_perform, also where that fails */
  int status;
  char server[128];           /* empty: none, or more than one */
  int64_t date_s;             /* Date header, seconds since 1970; 0: none that can be read */
  int64_t retry_after_s;      /* -1: no usable Retry-After (seconds or HTTP date) */
  struct kg_buf body;         /* wiped when cleared */
  char remote[64];            /* "127.0.0.1:8443", for messages */
  unsigned char server_alert; /* number of the TLS alert that the peer sent (RFC 8446 section 6), 0: none */
  bool reset;                 /* the peer reset the connection */
  bool certificate_pending; /* our client certificate was sent, and the peer has not accepted it yet: TLS 1.2 does with
                               the end of the handshake, TLS 1.3 with an answer alone */
};

#endif
