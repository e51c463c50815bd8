#include "server.h"

#include "service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_S 120 /* connections that nobody uses end after this */

static void serve_nothing(struct az_request *request, struct az_answer *answer) {
  az_answer_refuse(answer, MHD_HTTP_NOT_FOUND, "not_found", "There is nothing at %s", request->path);
}

static void serve_canary(struct az_request *request, struct az_answer *answer) {
  (void)request;
  az_answer_set_json(answer, MHD_HTTP_OK, cJSON_Parse("{\"canary\":\"this should not have been asked\"}"));
}

static const struct route {
  enum az_listener_kind listener;
  const char *path; /* "*" in front: any beginning; behind: any end */
  enum az_endpoint endpoint;
  az_service *serve;
} routes[] = {
    {AZ_ON_METADATA, "/metadata/identity/getplatformmetadata", AZ_METADATA, az_metadata_serve},
    {AZ_ON_METADATA, "/metadata/identity/issuecredential", AZ_ISSUE, az_issue_serve},
    {AZ_ON_METADATA, "/metadata/identity/oauth2/token", AZ_OTHER, az_metadata_serve_v1},
    {AZ_ON_METADATA, "/metadata/instance/compute", AZ_OTHER, az_metadata_serve_compute},
    {AZ_ON_METADATA, "/emulator*", AZ_CONTROL, az_control_serve},
    {AZ_ON_ATTESTATION, "/attest/keyguard", AZ_ATTESTATION, az_attestation_serve},
    {AZ_ON_ATTESTATION, "/certs", AZ_OTHER, az_attestation_serve_keys},
    {AZ_ON_TOKEN, "*/oauth2/v2.0/token", AZ_TOKEN, az_token_serve},
    {AZ_ON_TOKEN, "*/discovery/v2.0/keys", AZ_OTHER, az_token_serve_keys},
    {AZ_ON_RESOURCE, "/secrets/demo", AZ_RESOURCE, az_resource_serve},
};

static bool matches(const char *pattern, const char *path) {
  size_t len = strlen(pattern), path_len = strlen(path);
  if (pattern[len - 1] == '*') return strncmp(pattern, path, len - 1) == 0;
  if (pattern[0] == '*') return path_len >= len - 1 && strcmp(path + path_len - (len - 1), pattern + 1) == 0;
  return strcmp(pattern, path) == 0;
}

static const struct route *find_route(enum az_listener_kind listener, const char *path) {
  static const struct route canary = {AZ_ON_METADATA, "", AZ_CANARY, serve_canary};
  static const struct route nothing = {AZ_ON_METADATA, "", AZ_OTHER, serve_nothing};
  if (strcmp(path, "/emulator/canary") == 0) return &canary;
  for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
    if (routes[i].listener == listener && matches(routes[i].path, path)) return &routes[i];
  return &nothing;
}

static int get_socket(struct MHD_Connection *connection) {
  return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static void finish(struct az_request *request, unsigned status, const char *reason) {
  if (request->endpoint == AZ_CONTROL) return;
  az_request_note_common(request);
  cJSON_AddNumberToObject(request->facts, "status", status);
  if (reason != NULL) az_request_note(request, "reason", reason);
  if (request->emulator->options->verbose)
    fprintf(stderr, "%ld %s %s %u%s%s\n", request->number, request->method, request->path, status,
            reason != NULL ? " " : "", reason != NULL ? reason : "");
  az_counters_end(&request->emulator->counters, request->endpoint, status, request->facts);
  request->facts = NULL;
}

static void make_answer(struct az_request *request, const struct route *route, struct az_answer *answer) {
  if (request->listener->kind == AZ_ON_METADATA && request->endpoint != AZ_CONTROL)
    az_answer_set_header(answer, "Server", "IMDS/150.870.65.1854"); /* MOCK */
  if (az_answer_replace(answer, request->fault)) {
    /* the service is not asked */
  } else if (request->body_too_long) {
    az_answer_refuse(answer, MHD_HTTP_CONTENT_TOO_LARGE, "invalid_request", "The body is longer than 1 MiB");
  } else {
    route->serve(request, answer);
  }
  az_answer_spoil(answer, request->fault);
}

static enum MHD_Result answer_request(struct az_request *request) {
  const struct route *route = find_route(request->listener->kind, request->path);
  struct az_emulator *emulator = request->emulator;
  request->endpoint = route->endpoint;
  if (route->endpoint < AZ_FAULTY_ENDPOINTS) request->fault = az_faults_take(&emulator->faults, route->endpoint);
  if (route->endpoint != AZ_CONTROL) request->number = az_counters_begin(&emulator->counters, route->endpoint);
  long delay = az_fault_get_number(request->fault, "delay_ms", 0);
  if (delay > 0) az_clock_sleep(&emulator->clock, delay);
  az_request_read_peer(request);
  if (az_fault_is(request->fault, "reset")) {
    finish(request, 0, "reset by a fault");
    az_tls_reset_socket(get_socket(request->connection));
    return MHD_NO;
  }
  struct az_answer answer;
  az_answer_init(&answer);
  make_answer(request, route, &answer);
  finish(request, answer.status, answer.reason); /* before the answer is out: who has it may ask for the counters */
  enum MHD_Result result = (enum MHD_Result)az_answer_send(&answer, request);
  az_answer_clear(&answer);
  return result;
}

static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection) {
  return az_request_new(context, connection, uri);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *data, size_t *data_len, void **state) {
  struct az_request *request = *state;
  (void)context, (void)connection, (void)url, (void)version;
  if (!request->begun) {
    request->begun = true;
    request->method = az_text_dup(method);
    return MHD_YES;
  }
  if (*data_len == 0) return answer_request(request);
  az_request_append(request, data, *data_len);
  *data_len = 0;
  return MHD_YES;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code) {
  (void)context, (void)connection, (void)code;
  az_request_free((struct az_request **)(void *)state);
}

static enum az_endpoint get_endpoint(const struct az_listener *listener) {
  static const enum az_endpoint endpoints[AZ_LISTENERS] = {AZ_METADATA, AZ_ATTESTATION, AZ_TOKEN, AZ_RESOURCE};
  return endpoints[listener->kind];
}

static void watch_handshake(struct az_listener *listener, struct MHD_Connection *connection, void **state) {
  const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  cJSON *fault = az_faults_take_handshake(&listener->emulator->faults, get_endpoint(listener));
  struct az_tls_watch *watch = az_tls_watch_new(listener->mode, fault, get_socket(connection));
  az_tls_watch_attach(watch, info->tls_session);
  *state = watch;
}

static void on_connection(void *context, struct MHD_Connection *connection, void **state,
                          enum MHD_ConnectionNotificationCode code) {
  struct az_listener *listener = context;
  if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
    az_tls_watch_free((struct az_tls_watch **)(void *)state);
    return;
  }
  *state = NULL;
  if (listener->mode != NULL) {
    az_counters_connect(&listener->emulator->counters, get_endpoint(listener));
    watch_handshake(listener, connection, state);
  }
}

__attribute__((format(printf, 2, 0))) static void on_error(void *context, const char *format, va_list arguments) {
  const struct az_listener *listener = context;
  if (listener->emulator->options->verbose) vfprintf(stderr, format, arguments);
}

#define FLAGS                                                                                                          \
  (MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_SUPPRESS_DATE_NO_CLOCK | MHD_USE_ERROR_LOG)
#define COMMON_OPTIONS(listener)                                                                                       \
  MHD_OPTION_EXTERNAL_LOGGER, on_error, (listener), MHD_OPTION_LISTEN_SOCKET, (listener)->socket,                      \
      MHD_OPTION_URI_LOG_CALLBACK, on_uri, (listener), MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,                \
      MHD_OPTION_NOTIFY_CONNECTION, on_connection, (listener), MHD_OPTION_CONNECTION_TIMEOUT, IDLE_S

static struct MHD_Daemon *start_plain(struct az_listener *listener) {
  return MHD_start_daemon(FLAGS, 0, NULL, NULL, on_request, listener, COMMON_OPTIONS(listener), MHD_OPTION_END);
}

static char *format_key(gnutls_x509_privkey_t key) {
  gnutls_datum_t pem;
  az_check(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), "server key");
  return az_text_take(&pem);
}

static struct MHD_Daemon *start_tls(struct az_listener *listener) {
  const struct az_authority *authority = &listener->emulator->authority;
  char *certificate = az_certificate_format_pem(authority->server.certificate);
  char *key = format_key(authority->server.key);
  /* only the names in it matter: the services judge certificates themselves, so that they can say what is wrong */
  char *trust = listener->mode->ca_names == AZ_CA_NAMES_OTHER
                    ? az_certificate_format_pem(authority->server_ca.certificate)
                    : az_authority_format_client_trust(authority);
  struct MHD_Daemon *daemon = MHD_start_daemon(
      FLAGS | MHD_USE_TLS, 0, NULL, NULL, on_request, listener, COMMON_OPTIONS(listener), MHD_OPTION_HTTPS_MEM_CERT,
      certificate, MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_HTTPS_MEM_TRUST, trust, MHD_OPTION_HTTPS_PRIORITIES,
      az_tls_get_priority(listener->mode), MHD_OPTION_END);
  free(certificate);
  free(key);
  free(trust);
  return daemon;
}

static bool bind_socket(struct az_listener *listener, int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  socklen_t len = sizeof address;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener->socket = socket(AF_INET, SOCK_STREAM, 0);
  int on = 1;
  if (listener->socket < 0 || setsockopt(listener->socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
      bind(listener->socket, (struct sockaddr *)(void *)&address, sizeof address) != 0 ||
      listen(listener->socket, SOMAXCONN) != 0 ||
      getsockname(listener->socket, (struct sockaddr *)(void *)&address, &len) != 0)
    return false;
  listener->origin = az_text_format(listener->mode != NULL ? "https://localhost:%u" : "http://127.0.0.1:%u",
                                    (unsigned)ntohs(address.sin_port));
  return true;
}

bool az_listener_open(struct az_listener *listener, int port) {
  if (bind_socket(listener, port)) return true;
  fprintf(stderr, "azure-emulator: cannot listen on 127.0.0.1, port %d: %s\n", port, strerror(errno));
  return false;
}

bool az_listener_start(struct az_listener *listener) {
  listener->daemon = listener->mode != NULL ? start_tls(listener) : start_plain(listener);
  if (listener->daemon != NULL) return true;
  fprintf(stderr, "azure-emulator: the server for %s does not start\n", listener->origin);
  return false;
}

void az_listener_stop(struct az_listener *listener) {
  if (listener->daemon != NULL)
    MHD_stop_daemon(listener->daemon); /* closes the socket too */
  else if (listener->socket >= 0)
    close(listener->socket);
  free(listener->origin);
  listener->daemon = NULL;
  listener->origin = NULL;
  listener->socket = -1;
}
