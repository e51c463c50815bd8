#include "support_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

struct support_server {
  support_handler *handler;
  void *context;
  SSL_CTX *tls;
  int listener, stop[2];
  unsigned short port;
  char origin[64];
  pthread_t thread;
  pthread_mutex_t mutex;
  size_t connections, requests;
  bool reset;
  struct support_request *seen[SUPPORT_REQUESTS];
};

struct peer {
  int fd;
  SSL *ssl;
};

static void die(const char *what) {
  perror(what);
  abort();
}

static ssize_t peer_read(struct peer *peer, char *to, size_t size) {
  return peer->ssl != NULL ? SSL_read(peer->ssl, to, (int)size) : recv(peer->fd, to, size, 0);
}

static void peer_write(struct peer *peer, const char *data, size_t len) {
  while (len) {
    ssize_t wrote = peer->ssl != NULL ? SSL_write(peer->ssl, data, (int)len) : send(peer->fd, data, len, MSG_NOSIGNAL);
    if (wrote <= 0) return;
    data += wrote;
    len -= (size_t)wrote;
  }
}

/* Head and body; false: the client went away before. */
static bool read_request(struct peer *peer, struct support_request *request) {
  static const size_t size = 131072;
  char *text = calloc(1, size);
  if (text == NULL) die("calloc");
  size_t len = 0, want = 0;
  char *end = NULL, *value;
  bool done = false;
  while (len < size - 1) {
    ssize_t got = peer_read(peer, text + len, size - 1 - len);
    if (got <= 0) break;
    len += (size_t)got;
    if (end == NULL && (end = strstr(text, "\r\n\r\n")) != NULL) {
      char *line = strstr(text, "\r\n");
      sscanf(text, "%7s %4095s", request->method, request->target);
      snprintf(request->head, sizeof request->head, "%.*s", (int)(end + 2 - (line + 2)), line + 2);
      value = support_request_header(request, "Content-Length");
      want = value != NULL ? strtoul(value, NULL, 10) : 0;
      free(value);
    }
    if (end != NULL && len >= (size_t)(end + 4 - text) + want) {
      done = true;
      break;
    }
  }
  if (done && want < sizeof request->body) {
    memcpy(request->body, end + 4, want);
    request->body_len = want;
  }
  free(text);
  return done;
}

static void wait_for_end(struct support_server *server, struct peer *peer) {
  struct pollfd fds[2] = {{.fd = peer->fd, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
  while (poll(fds, 2, -1) > 0) {
    char rest[256];
    if (fds[1].revents || recv(peer->fd, rest, sizeof rest, 0) <= 0) return;
  }
}

static void keep(struct support_server *server, struct support_request *request, size_t *index) {
  pthread_mutex_lock(&server->mutex);
  *index = server->requests++;
  if (*index >= SUPPORT_REQUESTS) die("too many requests");
  server->seen[*index] = request;
  pthread_mutex_unlock(&server->mutex);
}

static void finish(struct support_server *server, struct peer *peer, const struct support_reply *reply) {
  struct linger now = {.l_onoff = 1, .l_linger = 0};
  if (reply->text != NULL) peer_write(peer, reply->text, reply->len ? reply->len : strlen(reply->text));
  if (reply->end == SUPPORT_STALL) wait_for_end(server, peer);
  if (reply->end == SUPPORT_RESET) {
    setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    return;
  }
  if (peer->ssl != NULL) SSL_shutdown(peer->ssl);
  shutdown(peer->fd, SHUT_WR);
  wait_for_end(server, peer);
}

static void note_tls(struct peer *peer, struct support_request *request) {
  X509 *certificate = peer->ssl != NULL ? SSL_get1_peer_certificate(peer->ssl) : NULL;
  if (peer->ssl != NULL) snprintf(request->tls_version, sizeof request->tls_version, "%s", SSL_get_version(peer->ssl));
  if (certificate != NULL) X509_NAME_oneline(X509_get_subject_name(certificate), request->peer, sizeof request->peer);
  X509_free(certificate);
}

static void serve(struct support_server *server, struct peer *peer) {
  struct support_reply none = {.end = SUPPORT_RESET};
  pthread_mutex_lock(&server->mutex);
  bool reset = server->reset;
  pthread_mutex_unlock(&server->mutex);
  char first[16];
  if (reset) {
    if (recv(peer->fd, first, sizeof first, 0) > 0) finish(server, peer, &none);
    return;
  }

  if (peer->ssl != NULL && SSL_accept(peer->ssl) != 1) {
    wait_for_end(server, peer);
    return;
  }
  struct support_request *request;
  request = calloc(1, sizeof *request);
  if (request == NULL) die("calloc");
  if (!read_request(peer, request)) {
    free(request);
    return;
  }
  note_tls(peer, request);
  size_t index;
  keep(server, request, &index);
  struct support_reply reply = {0};
  server->handler(server->context, index, request, &reply);
  finish(server, peer, &reply);
  free(reply.text);
}

static void *run(void *argument) {
  struct support_server *server = argument;
  struct pollfd fds[2] = {{.fd = server->listener, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
  while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
    struct peer peer = {accept(server->listener, NULL, NULL), NULL};
    if (peer.fd < 0) continue;
    pthread_mutex_lock(&server->mutex);
    server->connections++;
    pthread_mutex_unlock(&server->mutex);
    if (server->tls != NULL) {
      peer.ssl = SSL_new(server->tls);
      SSL_set_fd(peer.ssl, peer.fd);
    }
    serve(server, &peer);
    SSL_free(peer.ssl);
    close(peer.fd);
  }
  return NULL;
}

static void listen_on_loopback(struct support_server *server) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  server->listener = socket(AF_INET, SOCK_STREAM, 0);
  if (server->listener < 0 || bind(server->listener, (struct sockaddr *)&address, size) != 0 ||
      listen(server->listener, 16) != 0 || getsockname(server->listener, (struct sockaddr *)&address, &size) != 0)
    die("listen");
  server->port = ntohs(address.sin_port);
  snprintf(server->origin, sizeof server->origin, "%s://127.0.0.1:%u", server->tls != NULL ? "https" : "http",
           server->port);
}

struct support_server *support_server_start(support_handler *handler, void *context, SSL_CTX *tls) {
  struct support_server *server = calloc(1, sizeof *server);
  if (server == NULL) die("calloc");
  signal(SIGPIPE, SIG_IGN);
  server->handler = handler;
  server->context = context;
  server->tls = tls;
  pthread_mutex_init(&server->mutex, NULL);
  if (pipe(server->stop) != 0) die("pipe");
  listen_on_loopback(server);
  if (pthread_create(&server->thread, NULL, run, server) != 0) die("pthread_create");
  return server;
}

void support_server_stop(struct support_server **pointer) {
  struct support_server *server = *pointer;
  if (server == NULL) return;
  if (write(server->stop[1], "x", 1) != 1) die("write");
  pthread_join(server->thread, NULL);
  close(server->listener);
  close(server->stop[0]);
  close(server->stop[1]);
  for (size_t i = 0; i < server->requests; i++)
    free(server->seen[i]);
  pthread_mutex_destroy(&server->mutex);
  free(server);
  *pointer = NULL;
}

void support_server_reset(struct support_server *server) {
  pthread_mutex_lock(&server->mutex);
  server->reset = true;
  pthread_mutex_unlock(&server->mutex);
}

const char *support_server_origin(const struct support_server *server) {
  return server->origin;
}

unsigned short support_server_port(const struct support_server *server) {
  return server->port;
}

size_t support_server_connections(struct support_server *server) {
  pthread_mutex_lock(&server->mutex);
  size_t count = server->connections;
  pthread_mutex_unlock(&server->mutex);
  return count;
}

size_t support_server_requests(struct support_server *server) {
  pthread_mutex_lock(&server->mutex);
  size_t count = server->requests;
  pthread_mutex_unlock(&server->mutex);
  return count;
}

const struct support_request *support_server_request(struct support_server *server, size_t index) {
  pthread_mutex_lock(&server->mutex);
  const struct support_request *request = index < server->requests ? server->seen[index] : NULL;
  pthread_mutex_unlock(&server->mutex);
  return request;
}

char *support_request_header(const struct support_request *request, const char *name) {
  size_t name_len = strlen(name), found = 0;
  const char *value = NULL;
  for (const char *line = request->head; *line; line = strstr(line, "\r\n") + 2) {
    if (strncasecmp(line, name, name_len) != 0 || line[name_len] != ':') continue;
    value = line + name_len + 1;
    found++;
  }
  if (found != 1) return NULL;
  value += strspn(value, " ");
  char *copy = strdup(value);
  if (copy != NULL) copy[strcspn(copy, "\r")] = '\0';
  return copy;
}

void support_reply_format(struct support_reply *reply, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int len = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  reply->text = malloc((size_t)len + 1);
  if (reply->text == NULL) die("malloc");
  va_start(arguments, format);
  vsnprintf(reply->text, (size_t)len + 1, format, arguments);
  va_end(arguments);
}

void support_reply_http(struct support_reply *reply, int status, const char *headers, const char *body) {
  support_reply_format(reply, "HTTP/1.1 %d Status\r\nContent-Length: %zu\r\nContent-Type: application/json\r\n%s\r\n%s",
                       status, strlen(body), headers != NULL ? headers : "", body);
}
