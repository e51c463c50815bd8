#include "tls_peer.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define LATE_WAIT_MS 10000

const char *az_tls_get_priority(const struct az_tls_mode *mode) {
#define PSS ":-SIGN-ALL:+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384:+SIGN-RSA-PSS-RSAE-SHA512"
#define PKCS1 ":-SIGN-ALL:+SIGN-RSA-SHA256:+SIGN-RSA-SHA384:+SIGN-RSA-SHA512"
#define V12 "NORMAL:-VERS-ALL:+VERS-TLS1.2"
#define V13 "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define BOTH "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"
  static const char *const priorities[][3] = {
      {V12, V12 PSS, V12 PKCS1}, {V13, V13 PSS, NULL}, {BOTH, BOTH PSS, V12 PKCS1}};
  return priorities[mode->versions - 1][mode->signatures];
}

struct az_tls_watch *az_tls_watch_new(const struct az_tls_mode *mode, cJSON *fault, int socket) {
  struct az_tls_watch *watch = az_new(sizeof *watch);
  watch->mode = mode;
  watch->fault = fault;
  watch->socket = socket;
  return watch;
}

void az_tls_watch_free(struct az_tls_watch **watch) {
  if (*watch != NULL) cJSON_Delete((*watch)->fault);
  free(*watch);
  *watch = NULL;
}

void az_tls_reset_socket(int socket) {
  /* Linux answers AF_UNSPEC on a connected TCP socket by dropping the connection with RST, whatever is buffered */
  struct sockaddr nowhere = {.sa_family = AF_UNSPEC};
  (void)connect(socket, &nowhere, sizeof nowhere);
}

static const struct {
  const char *name;
  gnutls_alert_description_t alert;
} alerts[] = {{"bad_certificate", GNUTLS_A_BAD_CERTIFICATE},
              {"unsupported_certificate", GNUTLS_A_UNSUPPORTED_CERTIFICATE},
              {"certificate_revoked", GNUTLS_A_CERTIFICATE_REVOKED},
              {"certificate_expired", GNUTLS_A_CERTIFICATE_EXPIRED},
              {"certificate_unknown", GNUTLS_A_CERTIFICATE_UNKNOWN},
              {"certificate_required", GNUTLS_A_CERTIFICATE_REQUIRED},
              {"unknown_ca", GNUTLS_A_UNKNOWN_CA},
              {"access_denied", GNUTLS_A_ACCESS_DENIED},
              {"handshake_failure", GNUTLS_A_HANDSHAKE_FAILURE},
              {"internal_error", GNUTLS_A_INTERNAL_ERROR}};

static gnutls_alert_description_t find_alert(const cJSON *fault) {
  const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(fault, "tls_alert"));
  for (size_t i = 0; name != NULL && i < sizeof alerts / sizeof *alerts; i++)
    if (strcmp(alerts[i].name, name) == 0) return alerts[i].alert;
  return GNUTLS_A_BAD_CERTIFICATE;
}

static int break_off(struct az_tls_watch *watch, gnutls_session_t session) {
  if (cJSON_HasObjectItem(watch->fault, "tls_alert"))
    gnutls_alert_send(session, GNUTLS_AL_FATAL, find_alert(watch->fault));
  else
    az_tls_reset_socket(watch->socket);
  return GNUTLS_E_HANDSHAKE_DURING_FALSE_START; /* any error that GnuTLS makes no alert of itself */
}

/* The client's Finished is the first moment at which its certificate has been seen in both versions. */
static int on_message(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
                      const gnutls_datum_t *message) {
  struct az_tls_watch *watch = gnutls_db_get_ptr(session);
  (void)when;
  (void)message;
  if (!incoming) return 0;
  if (type == GNUTLS_HANDSHAKE_CLIENT_HELLO && watch->mode->auth == AZ_AUTH_TLS12 &&
      gnutls_protocol_get_version(session) == GNUTLS_TLS1_3)
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_IGNORE);
  if (type == GNUTLS_HANDSHAKE_FINISHED && watch->fault != NULL) return break_off(watch, session);
  return 0;
}

void az_tls_watch_attach(struct az_tls_watch *watch, gnutls_session_t session) {
  bool ask = watch->mode->auth == AZ_AUTH_INITIAL || watch->mode->auth == AZ_AUTH_TLS12;
  gnutls_certificate_server_set_request(session, ask ? GNUTLS_CERT_REQUEST : GNUTLS_CERT_IGNORE);
  if (watch->mode->ca_names == AZ_CA_NAMES_NONE) gnutls_certificate_send_x509_rdn_sequence(session, 1);
  gnutls_db_set_ptr(session, watch); /* the only user pointer that libmicrohttpd leaves alone: it resumes nothing */
  gnutls_handshake_set_hook_function(session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_POST, on_message);
}

static bool wait_for(int socket, gnutls_session_t session) {
  struct pollfd one = {.fd = socket, .events = gnutls_record_get_direction(session) ? POLLOUT : POLLIN};
  return poll(&one, 1, LATE_WAIT_MS) == 1;
}

static int ask_once(gnutls_session_t session) {
  if (gnutls_protocol_get_version(session) == GNUTLS_TLS1_3) return gnutls_reauth(session, 0);
  return gnutls_handshake(session);
}

void az_tls_ask_late(gnutls_session_t session, int socket) {
  bool tls13 = gnutls_protocol_get_version(session) == GNUTLS_TLS1_3;
  if (tls13 && !(gnutls_session_get_flags(session) & GNUTLS_SFLAGS_POST_HANDSHAKE_AUTH)) return;
  gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
  if (!tls13 && gnutls_rehandshake(session) != 0) return;
  int result;
  while ((result = ask_once(session)) != 0) {
    if (result == GNUTLS_E_AGAIN && !wait_for(socket, session)) return;
    if (gnutls_error_is_fatal(result)) return;
  }
}

static void read_certificate(struct az_peer *peer, gnutls_session_t session) {
  unsigned count = 0;
  const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
  if (chain == NULL || count == 0) return;
  az_check(gnutls_x509_crt_init(&peer->certificate), "peer");
  if (gnutls_x509_crt_import(peer->certificate, &chain[0], GNUTLS_X509_FMT_DER) != 0) {
    gnutls_x509_crt_deinit(peer->certificate);
    peer->certificate = NULL;
    return;
  }
  az_certificate_read(peer->certificate, &peer->facts);
}

void az_peer_read(struct az_peer *peer, gnutls_session_t session) {
  az_peer_clear(peer);
  peer->version = gnutls_protocol_get_version(session) == GNUTLS_TLS1_3 ? "1.3" : "1.2";
  read_certificate(peer, session);
  int signature = gnutls_sign_algorithm_get_client(session);
  if (peer->certificate != NULL && signature)
    peer->signature = gnutls_sign_get_name((gnutls_sign_algorithm_t)signature);
}

void az_peer_clear(struct az_peer *peer) {
  if (peer->certificate != NULL) gnutls_x509_crt_deinit(peer->certificate);
  *peer = (struct az_peer){0};
}
