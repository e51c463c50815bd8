#include "wire/http.h"

#include "core/base/clock.h"
#include "wire/http_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_METADATA_MS 2000 /* docs/pitfalls.md 43: connect 2 s, whole 10 s, retried */
#define CONNECT_SECURE_MS 10000  /* docs/protocol.md 8.4: 10 s handshake, GO/imdsv2_client.go */
#define RETRY_AFTER_MAX_S 86400

struct options { /* curl_easy_setopt with one check at the end */
  CURL *curl;
  CURLcode failed;
};

static void set_long(struct options *options, CURLoption option, long value) {
  CURLcode code = curl_easy_setopt(options->curl, option, value);
  if (code != CURLE_OK) options->failed = code;
}

static void set_text(struct options *options, CURLoption option, const char *value) {
  CURLcode code = curl_easy_setopt(options->curl, option, value);
  if (code != CURLE_OK) options->failed = code;
}

/* Refused, not truncated: the first byte over the cap ends the transfer. */
static size_t on_body(char *data, size_t size, size_t count, void *context) {
  struct kg_http_transfer *transfer = context;
  struct kg_buf *body = &transfer->response->body;
  size_t len = size * count;
  if (len > KG_HTTP_BODY_MAX - body->len) {
    transfer->body_too_large = true;
    return 0;
  }
  if (kg_buf_append(body, kg_span_of(data, len)) != KG_OK) {
    transfer->no_memory = true;
    return 0;
  }
  return len;
}

/* The environment's proxy variables are asked only where the options are NULL, so they never are. */
static void set_route(struct options *options, const struct kg_http_request *request) {
  bool secure = request->kind == KG_HTTP_SECURE;
  bool proxied = secure && request->proxy != NULL;
  set_text(options, CURLOPT_PROTOCOLS_STR, secure ? "https" : "http,https");
  set_text(options, CURLOPT_REDIR_PROTOCOLS_STR, "https");
  set_long(options, CURLOPT_FOLLOWLOCATION, 0);
  set_long(options, CURLOPT_MAXREDIRS, 0);
  set_text(options, CURLOPT_PROXY, proxied ? request->proxy : "");
  set_text(options, CURLOPT_NOPROXY, proxied ? "" : "*");
  set_long(options, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
  set_long(options, CURLOPT_DISALLOW_USERNAME_IN_URL, 1);
  set_long(options, CURLOPT_NETRC, CURL_NETRC_IGNORED);
  set_long(options, CURLOPT_NOSIGNAL, 1);
  set_long(options, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms);
  set_long(options, CURLOPT_CONNECTTIMEOUT_MS, secure ? CONNECT_SECURE_MS : CONNECT_METADATA_MS);
}

static void set_tls(struct options *options, const struct kg_http_request *request) {
  long max = request->tls_max == 12 ? CURL_SSLVERSION_MAX_TLSv1_2 : CURL_SSLVERSION_MAX_TLSv1_3;
  set_long(options, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 | max);
  set_long(options, CURLOPT_SSL_VERIFYPEER, 1);
  set_long(options, CURLOPT_SSL_VERIFYHOST, 2);
  set_long(options, CURLOPT_SSL_SESSIONID_CACHE, 0); /* docs/protocol.md 8.4: no resumption across certificates */
  set_long(options, CURLOPT_SSL_ENABLE_ALPN, 0);
#if defined(_WIN32) /* OpenSSL has no certificates of its own there */
  set_long(options, CURLOPT_SSL_OPTIONS, CURLSSLOPT_NATIVE_CA);
#endif
  set_long(options, CURLOPT_CA_CACHE_TIMEOUT, 0); /* a cached store would take the place of one with extra trust */
}

static void set_message(struct options *options, struct kg_http_transfer *transfer, struct curl_slist *headers) {
  const struct kg_http_request *request = transfer->request;
  CURL *curl = options->curl;
  set_text(options, CURLOPT_URL, request->url);
  set_long(options, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
  set_long(options, CURLOPT_HTTP09_ALLOWED, 0);
  set_long(options, CURLOPT_FRESH_CONNECT, 1);
  set_long(options, CURLOPT_FORBID_REUSE, 1);
  set_long(options, CURLOPT_CONNECT_ONLY, request->connect_only);
  if (curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)KG_HTTP_BODY_MAX) != CURLE_OK ||
      curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK ||
      curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer) != CURLE_OK ||
      curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->detail) != CURLE_OK ||
      curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) != CURLE_OK)
    options->failed = CURLE_OUT_OF_MEMORY;
  if (strcmp(request->method, "POST") != 0) return;
  set_long(options, CURLOPT_POST, 1);
  if (curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.len) != CURLE_OK ||
      curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body.len ? (const char *)request->body.data : "") != CURLE_OK)
    options->failed = CURLE_OUT_OF_MEMORY;
}

static bool make_headers(const struct kg_http_request *request, struct curl_slist **out) {
  struct curl_slist *list = curl_slist_append(NULL, "Expect:"); /* no 100-continue round */
  struct curl_slist *longer = list;
  for (size_t i = 0; longer != NULL && request->headers != NULL && request->headers[i] != NULL; i++) {
    longer = curl_slist_append(list, request->headers[i]);
    if (longer != NULL) list = longer;
  }
  *out = list;
  return longer != NULL;
}

/* A proxy reached over TLS would be shown the client certificate too, and SOCKS is nobody's need here. */
static bool proxy_is_allowed(const char *proxy) {
  return proxy == NULL || strstr(proxy, "://") == NULL || strncmp(proxy, "http://", 7) == 0;
}

static enum kg_status check_request(const struct kg_http_request *request, struct kg_error *error) {
  if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "POST") != 0)
    return kg_error_set(error, KG_E_USAGE, "HTTP method '%.16s' is not one of GET, POST", request->method);
  if (request->proxy != NULL && request->kind != KG_HTTP_SECURE)
    return kg_error_set(error, KG_E_USAGE, "the metadata service is never asked through a proxy");
  if (!proxy_is_allowed(request->proxy)) return kg_error_set(error, KG_E_USAGE, "only an http:// proxy is supported");
  if (request->timeout_ms <= 0) return kg_error_set(error, KG_E_TIMEOUT, "no time left for the request");
  return KG_OK;
}

static bool scheme_is_allowed(const char *scheme, enum kg_http_kind kind) {
  return strcmp(scheme, "https") == 0 || (kind == KG_HTTP_METADATA && strcmp(scheme, "http") == 0);
}

/* "host:port" as the URL has it. A URL that libcurl cannot take apart is not one of ours. */
static enum kg_status name_host(struct kg_http_transfer *transfer, struct kg_error *error) {
  CURLU *url = curl_url();
  char *scheme = NULL, *host = NULL, *port = NULL;
  enum kg_status status = url != NULL ? KG_E_USAGE : KG_E_NO_MEMORY;
  if (url != NULL && curl_url_set(url, CURLUPART_URL, transfer->request->url, 0) == CURLUE_OK &&
      curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
      curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK && scheme_is_allowed(scheme, transfer->request->kind)) {
    (void)curl_url_get(url, CURLUPART_PORT, &port, 0);
    snprintf(transfer->host, sizeof transfer->host, "%.250s%s%.6s", host, port != NULL ? ":" : "",
             port != NULL ? port : "");
    status = KG_OK;
  }
  curl_free(scheme);
  curl_free(host);
  curl_free(port);
  curl_url_cleanup(url);
  return status != KG_OK ? kg_error_set(error, status, "the request's URL cannot be used") : KG_OK;
}

/* A header that occurs exactly once; NULL otherwise. */
static const char *get_header(CURL *curl, const char *name) {
  struct curl_header *header = NULL;
  if (curl_easy_header(curl, name, 0, CURLH_HEADER, -1, &header) != CURLHE_OK) return NULL;
  return header->amount == 1 ? header->value : NULL;
}

static int64_t parse_date(const char *text) {
  time_t when = text != NULL ? curl_getdate(text, NULL) : -1;
  return when > 0 ? (int64_t)when : 0;
}

/* RFC 9110 section 10.2.3: seconds, or a date, which is compared with the server's own clock where it told it. */
static int64_t parse_retry_after(const char *text, int64_t date_s) {
  if (text == NULL || !*text) return -1;
  int64_t when, seconds = 0;
  if (strspn(text, "0123456789") == strlen(text)) {
    for (const char *p = text; *p && seconds <= RETRY_AFTER_MAX_S; p++)
      seconds = seconds * 10 + (*p - '0');
  } else {
    when = parse_date(text);
    if (when == 0) return -1;
    seconds = when - (date_s ? date_s : kg_clock_system()->wall(NULL));
  }
  if (seconds < 0) return 0;
  return seconds < RETRY_AFTER_MAX_S ? seconds : RETRY_AFTER_MAX_S;
}

static void fill_response(const struct kg_http_transfer *transfer) {
  struct kg_http_response *response = transfer->response;
  const char *server = get_header(transfer->curl, "Server");
  long status = 0;
  (void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
  const char *address = NULL;
  (void)curl_easy_getinfo(transfer->curl, CURLINFO_PRIMARY_IP, &address);
  long port = 0;
  (void)curl_easy_getinfo(transfer->curl, CURLINFO_PRIMARY_PORT, &port);
  response->status = (int)status;
  snprintf(response->server, sizeof response->server, "%s", server != NULL ? server : "");
  response->date_s = parse_date(get_header(transfer->curl, "Date"));
  response->retry_after_s = parse_retry_after(get_header(transfer->curl, "Retry-After"), response->date_s);
  if (address != NULL && *address)
    snprintf(response->remote, sizeof response->remote, strchr(address, ':') != NULL ? "[%s]:%ld" : "%s:%ld", address,
             port);
}

static enum kg_status run_with(struct kg_http_transfer *transfer, struct curl_slist *headers, struct kg_error *error) {
  struct options options = {.curl = transfer->curl, .failed = CURLE_OK};
  set_route(&options, transfer->request);
  set_tls(&options, transfer->request);
  set_message(&options, transfer, headers);
  CURLcode code = options.failed ? options.failed : curl_easy_perform(transfer->curl);
  fill_response(transfer);
  return code == CURLE_OK ? KG_OK : kg_http_error(transfer, code, error);
}

static enum kg_status run(struct kg_http_transfer *transfer, struct kg_error *error) {
  struct curl_slist *headers = NULL;
  enum kg_status status;
  if (make_headers(transfer->request, &headers) && kg_http_tls_attach(transfer))
    status = run_with(transfer, headers, error);
  else
    status = kg_error_no_memory(error, "for a request");
  curl_slist_free_all(headers);
  return status;
}

enum kg_status kg_http_perform(const struct kg_http_request *request, struct kg_http_response *response,
                               struct kg_error *error) {
  struct kg_http_transfer transfer = {.request = request, .response = response};
  kg_http_response_clear(response);
  enum kg_status status = check_request(request, error);
  if (status == KG_OK) status = name_host(&transfer, error);
  if (status != KG_OK) return status;
  transfer.curl = curl_easy_init();
  if (transfer.curl == NULL) return kg_error_set(error, KG_E_NO_MEMORY, "libcurl cannot be initialised");
  status = run(&transfer, error);
  curl_easy_cleanup(transfer.curl);
  if (status != KG_OK) kg_buf_clear(&response->body);
  return status;
}

void kg_http_response_clear(struct kg_http_response *response) {
  kg_buf_clear(&response->body);
  memset(response, 0, sizeof *response);
  response->retry_after_s = -1;
}

char *kg_http_escape(const char *text) {
  char *escaped = curl_easy_escape(NULL, text, 0);
  char *copy = escaped != NULL ? kg_strdup(escaped) : NULL;
  curl_free(escaped);
  return copy;
}
