/* The TLS side of a connection: what is asked of the client, and what it showed. */
#ifndef AZURE_TLS_PEER_H
#define AZURE_TLS_PEER_H

#include "certificate.h"
#include "options.h"

#include <cJSON.h>
#include <gnutls/gnutls.h>

/* GnuTLS's priority string for a mode; a constant. */
const char *az_tls_get_priority(const struct az_tls_mode *mode);

struct az_tls_watch { /* lives as long as its connection */
  const struct az_tls_mode *mode;
  cJSON *fault; /* an alert or a reset ordered for this handshake, or NULL */
  int socket;
};

struct az_tls_watch *az_tls_watch_new(const struct az_tls_mode *mode, cJSON *fault /* taken */, int socket);
void az_tls_watch_free(struct az_tls_watch **watch);
/* Before the handshake begins. */
void az_tls_watch_attach(struct az_tls_watch *watch, gnutls_session_t session);

/* Asks for the certificate on a running connection: renegotiation in TLS 1.2, post-handshake authentication in 1.3. */
void az_tls_ask_late(gnutls_session_t session, int socket);

/* Ends a TCP connection with RST, at once. */
void az_tls_reset_socket(int socket);

struct az_peer {
  const char *version;           /* "1.2", "1.3"; NULL: plain HTTP */
  const char *signature;         /* the client's, GnuTLS's name; NULL: it made none */
  gnutls_x509_crt_t certificate; /* NULL: none shown */
  struct az_certificate_facts facts;
};

void az_peer_read(struct az_peer *peer, gnutls_session_t session);
void az_peer_clear(struct az_peer *peer);

#endif
