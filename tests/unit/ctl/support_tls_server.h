/* A real TLS server on loopback: one thread, one request a connection, and what it saw of the client. */
#ifndef SUPPORT_TLS_SERVER_H
#define SUPPORT_TLS_SERVER_H

#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>

struct support_tls_connection { /* of the last one */
  int version;                  /* TLS1_2_VERSION, ... */
  int signature_type;           /* NID of the client's CertificateVerify: NID_rsassaPss or NID_rsaEncryption */
  int signature_hash;           /* NID_sha256, ... */
  bool verified;
  X509 *certificate; /* of the client; freed by clear */
  int chain_length;  /* certificates that the client sent */
};

struct support_tls_server {
  int min_version, max_version; /* set before start */
  const char *signatures;       /* what the client may use, in OpenSSL's words; NULL: all */
  bool any_client;              /* a certificate is asked for, and whoever issued it is taken */
  char answer[8192];            /* the whole HTTP answer */
  char request[8192];           /* the last one */
  unsigned port, connections;
  struct support_tls_connection seen;
  pthread_t thread;
  int listener, stop[2];
  SSL_CTX *context;
};

void support_tls_server_start(struct support_tls_server *server);
/* What it saw is whole only then, and stays until it is cleared. */
void support_tls_server_stop(struct support_tls_server *server);
void support_tls_server_clear(struct support_tls_server *server);

#endif
