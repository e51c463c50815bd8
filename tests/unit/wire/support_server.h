/* A scripted HTTP peer on a free loopback port: what it answers is raw text, so that it can be as wrong as it likes. */
#ifndef SUPPORT_SERVER_H
#define SUPPORT_SERVER_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stddef.h>

#define SUPPORT_REQUESTS 64

struct support_request {
  char method[8], target[4096];
  char head[8192]; /* all header lines, each ended by \r\n */
  char body[65536];
  size_t body_len;
  char tls_version[16], peer[128]; /* "TLSv1.3", subject of the client's certificate; empty: none */
};

enum support_end {
  SUPPORT_CLOSE = 0, /* an orderly end */
  SUPPORT_RESET,     /* TCP RST after `text` */
  SUPPORT_STALL      /* says no more, and waits until the client goes */
};

struct support_reply {
  char *text; /* malloc'd; NULL: nothing */
  size_t len; /* 0: strlen(text) */
  enum support_end end;
};

/* `index` counts requests from 0. */
typedef void support_handler(void *context, size_t index, const struct support_request *request,
                             struct support_reply *reply);

struct support_server;

/* `tls` NULL: plain. It is borrowed. */
struct support_server *support_server_start(support_handler *handler, void *context, SSL_CTX *tls);
void support_server_stop(struct support_server **server);
/* From now on: TCP RST after the client's first bytes, in place of everything else. */
void support_server_reset(struct support_server *server);
const char *support_server_origin(const struct support_server *server); /* "http://127.0.0.1:PORT" */
unsigned short support_server_port(const struct support_server *server);
/* After the client is done: */
size_t support_server_connections(struct support_server *server);
size_t support_server_requests(struct support_server *server);
const struct support_request *support_server_request(struct support_server *server, size_t index);
/* The header's value, to free(); NULL: not there, or twice. */
char *support_request_header(const struct support_request *request, const char *name);

/* printf into a reply. */
void support_reply_format(struct support_reply *reply, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* HTTP/1.1 STATUS with Content-Length and `headers` ("Name: value\r\n"...). */
void support_reply_http(struct support_reply *reply, int status, const char *headers, const char *body);

#endif
