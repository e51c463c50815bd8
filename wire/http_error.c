#include "wire/http_parts.h"

#include "wire/redact.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define WINSOCK_RESET 10054 /* WSAECONNRESET: libcurl reports Winsock's numbers there, and Linux has none so high */

struct kind {
  CURLcode code;
  enum kg_status status;
  const char *sub_code;
};

/* Everything that is not here is KG_E_TRANSPORT. */
static const struct kind kinds[] = {
    {CURLE_OPERATION_TIMEDOUT, KG_E_TIMEOUT, ""},
    {CURLE_PEER_FAILED_VERIFICATION, KG_E_TLS, "server_untrusted"},
    {CURLE_SSL_ISSUER_ERROR, KG_E_TLS, "server_untrusted"},
    {CURLE_SSL_INVALIDCERTSTATUS, KG_E_TLS, "server_untrusted"},
    {CURLE_SSL_CACERT_BADFILE, KG_E_TLS, ""},
    {CURLE_SSL_CONNECT_ERROR, KG_E_TLS, ""},
    {CURLE_SSL_CERTPROBLEM, KG_E_TLS, "client_certificate"},
    {CURLE_SSL_CIPHER, KG_E_TLS, ""},
    {CURLE_SSL_ENGINE_INITFAILED, KG_E_TLS, ""},
    {CURLE_USE_SSL_FAILED, KG_E_TLS, ""},
    {CURLE_FILESIZE_EXCEEDED, KG_E_TRANSPORT, "body_too_large"},
    {CURLE_OUT_OF_MEMORY, KG_E_NO_MEMORY, ""},
};

static struct kind find_kind(CURLcode code) {
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
    if (kinds[i].code == code) return kinds[i];
  return (struct kind){code, KG_E_TRANSPORT, ""};
}

static bool was_reset(const struct kg_http_transfer *transfer) {
  long number = 0;
  (void)curl_easy_getinfo(transfer->curl, CURLINFO_OS_ERRNO, &number);
  return number == ECONNRESET || number == EPIPE || number == WINSOCK_RESET;
}

/* The peer went away without a word: in the handshake (OpenSSL's words, and libcurl's for a system call that met the
 * end), before its answer or in the middle of it. */
static bool was_closed(const struct kg_http_transfer *transfer, CURLcode code) {
  if (code == CURLE_GOT_NOTHING || code == CURLE_PARTIAL_FILE) return true;
  if (code != CURLE_SSL_CONNECT_ERROR && code != CURLE_RECV_ERROR && code != CURLE_SEND_ERROR) return false;
  return strstr(transfer->detail, "unexpected eof") != NULL || strstr(transfer->detail, "SSL_ERROR_SYSCALL") != NULL ||
         strstr(transfer->detail, "SSL_ERROR_ZERO_RETURN") != NULL;
}

/* What the code alone does not tell: a peer's alert may arrive as a receive error (TLS 1.3 answers a client certificate
 * after the handshake), a reset as a failed handshake, and the body cap is a write error. */
static struct kind refine(const struct kg_http_transfer *transfer, CURLcode code) {
  struct kind kind = find_kind(code);
  if (transfer->no_memory) return (struct kind){code, KG_E_NO_MEMORY, ""};
  if (transfer->body_too_large) return (struct kind){code, KG_E_TRANSPORT, "body_too_large"};
  if (transfer->setup_failed || kind.status == KG_E_TIMEOUT) return kind;
  if (transfer->response->server_alert) return (struct kind){code, KG_E_TLS, "peer_alert"};
  if (transfer->response->reset) return (struct kind){code, KG_E_TRANSPORT, "connection_reset"};
  if (was_closed(transfer, code)) return (struct kind){code, KG_E_TRANSPORT, "connection_closed"};
  return kind;
}

static void explain(const struct kg_http_transfer *transfer, CURLcode code, char out[200]) {
  const char *detail = *transfer->detail ? transfer->detail : curl_easy_strerror(code);
  if (transfer->trust_failed)
    snprintf(out, 200, "cannot read certificates from %.150s", transfer->request->ca_file);
  else if (transfer->setup_failed)
    snprintf(out, 200, "the client certificate cannot be used");
  else if (transfer->body_too_large || code == CURLE_FILESIZE_EXCEEDED)
    snprintf(out, 200, "the answer is larger than %d bytes", KG_HTTP_BODY_MAX);
  else if (transfer->response->server_alert)
    snprintf(out, 200, "the peer ended TLS with alert %u (%s)", transfer->response->server_alert,
             SSL_alert_desc_string_long(transfer->response->server_alert));
  else
    kg_redact(detail, out, 200);
}

enum kg_status kg_http_error(const struct kg_http_transfer *transfer, CURLcode code, struct kg_error *error) {
  transfer->response->reset = was_reset(transfer);
  struct kind kind = refine(transfer, code);
  char detail[200];
  explain(transfer, code, detail);
  (void)kg_error_set_code(error, kind.status, (long)code, "%s: %s", transfer->host, detail);
  if (error != NULL) snprintf(error->sub_code, sizeof error->sub_code, "%s", kind.sub_code);
  return kind.status;
}
