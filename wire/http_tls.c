/* libcurl's OpenSSL context, before the handshake. libcurl adds the system's certificates (CURLOPT_CAINFO and
 * CURLOPT_CAPATH keep the values it was built with) to the context's store, before this callback or, in some versions,
 * after the ClientHello. An extra file is added to the same store here instead of by CURLOPT_CAINFO, which would
 * replace the system's. Every transfer has a fresh handle and no cached store, so what is added for one is not
 * another's. */
#include "wire/http_parts.h"

#include <openssl/err.h>

/* Where a context keeps its transfer. OpenSSL's indexes are process-wide and never given back. */
static int transfer_index(void) {
  static int index = -1;
  if (index < 0) index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
  return index;
}

/* Alerts that end nothing: close_notify, user_canceled, no_renegotiation (RFC 8446 section 6, RFC 5246 section 7.2). */
static bool alert_is_harmless(int alert) {
  return alert == SSL_AD_CLOSE_NOTIFY || alert == SSL_AD_USER_CANCELLED || alert == SSL_AD_NO_RENEGOTIATION;
}

static void on_tls_event(const SSL *ssl, int where, int value) {
  struct kg_http_transfer *transfer = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), transfer_index());
  int alert = value & 0xff;
  if (transfer == NULL) return;
  if ((where & SSL_CB_LOOP) && SSL_get_state(ssl) == TLS_ST_CW_CERT && SSL_get_certificate(ssl) != NULL)
    transfer->response->certificate_pending = true;
  if ((where & SSL_CB_HANDSHAKE_DONE) && SSL_version(ssl) <= TLS1_2_VERSION)
    transfer->response->certificate_pending = false;
  if ((where & SSL_CB_READ_ALERT) == SSL_CB_READ_ALERT && !alert_is_harmless(alert))
    transfer->response->server_alert = (unsigned char)alert;
}

static CURLcode on_tls_context(CURL *curl, void *context, void *argument) {
  struct kg_http_transfer *transfer = argument;
  const struct kg_http_request *request = transfer->request;
  SSL_CTX *tls = context;
  (void)curl;
  SSL_CTX_set_keylog_callback(tls, NULL); /* SSLKEYLOGFILE would write the session's secrets */
  if (!SSL_CTX_set_ex_data(tls, transfer_index(), transfer)) return CURLE_OUT_OF_MEMORY;
  SSL_CTX_set_info_callback(tls, on_tls_event);
  if (request->ca_file != NULL && !X509_STORE_load_file(SSL_CTX_get_cert_store(tls), request->ca_file)) {
    transfer->trust_failed = true;
    return CURLE_SSL_CACERT_BADFILE;
  }
  if (request->tls_setup != NULL && request->tls_setup(tls, request->tls_argument) != 1) {
    transfer->setup_failed = true;
    return CURLE_SSL_CERTPROBLEM;
  }
  ERR_clear_error();
  return CURLE_OK;
}

bool kg_http_tls_attach(struct kg_http_transfer *transfer) {
  return transfer_index() >= 0 &&
         curl_easy_setopt(transfer->curl, CURLOPT_SSL_CTX_FUNCTION, on_tls_context) == CURLE_OK &&
         curl_easy_setopt(transfer->curl, CURLOPT_SSL_CTX_DATA, transfer) == CURLE_OK;
}
