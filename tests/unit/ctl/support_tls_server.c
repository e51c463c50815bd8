#include "support_tls_server.h"

#include "support_ca.h"

#include "tests/support/unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int take_any(int verified, X509_STORE_CTX *context) {
  (void)verified, (void)context;
  return 1;
}

static SSL_CTX *new_context(const struct support_tls_server *server) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  EVP_PKEY *key = EVP_EC_gen("P-256");
  struct kg_buf public_key = {0};
  const struct support_ca_leaf what = {.names = "DNS:localhost,IP:127.0.0.1"};
  support_ca_public_key(key, &public_key);
  X509 *x509 = support_ca_issue(kg_buf_span(&public_key), "localhost", &what);
  assert_int_equal(SSL_CTX_use_certificate(context, x509), 1);
  assert_int_equal(SSL_CTX_use_PrivateKey(context, key), 1);
  assert_int_equal(SSL_CTX_set_min_proto_version(context, server->min_version), 1);
  assert_int_equal(SSL_CTX_set_max_proto_version(context, server->max_version), 1);
  assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(context), support_ca_certificate()), 1);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, server->any_client ? take_any : NULL);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  if (server->signatures != NULL) assert_int_equal(SSL_CTX_set1_client_sigalgs_list(context, server->signatures), 1);
  X509_free(x509);
  EVP_PKEY_free(key);
  kg_buf_clear(&public_key);
  return context;
}

static void look(struct support_tls_server *server, SSL *ssl) {
  struct support_tls_connection *seen = &server->seen;
  X509_free(seen->certificate);
  *seen = (struct support_tls_connection){.version = SSL_version(ssl)};
  seen->certificate = SSL_get1_peer_certificate(ssl);
  seen->verified = SSL_get_verify_result(ssl) == X509_V_OK;
  SSL_get_peer_signature_type_nid(ssl, &seen->signature_type);
  SSL_get_peer_signature_nid(ssl, &seen->signature_hash);
  STACK_OF(X509) *chain = SSL_get_peer_cert_chain(ssl);
  seen->chain_length = chain != NULL ? 1 + sk_X509_num(chain) : 1; /* a server's view leaves the leaf out */
}

static bool is_whole(const char *request) {
  const char *end = strstr(request, "\r\n\r\n"), *length = strstr(request, "Content-Length: ");
  if (end == NULL) return false;
  return length == NULL || strlen(end + 4) >= (size_t)strtol(length + 16, NULL, 10);
}

static void serve(struct support_tls_server *server, int fd) {
  SSL *ssl = SSL_new(server->context);
  SSL_set_fd(ssl, fd);
  size_t len = 0;
  if (SSL_accept(ssl) == 1) {
    look(server, ssl);
    memset(server->request, 0, sizeof server->request);
    while (!is_whole(server->request) && len + 1 < sizeof server->request) {
      int got = SSL_read(ssl, server->request + len, (int)(sizeof server->request - len - 1));
      if (got <= 0) break;
      len += (size_t)got;
    }
    SSL_write(ssl, server->answer, (int)strlen(server->answer));
    SSL_shutdown(ssl);
  }
  SSL_free(ssl);
  close(fd);
}

static void *run(void *argument) {
  struct support_tls_server *server = argument;
  struct pollfd fds[2] = {{.fd = server->listener, .events = POLLIN}, {.fd = server->stop[0], .events = POLLIN}};
  while (poll(fds, 2, -1) > 0 && !fds[1].revents) {
    int fd = accept(server->listener, NULL, NULL);
    if (fd < 0) continue;
    serve(server, fd);
    server->connections++;
  }
  return NULL;
}

void support_tls_server_start(struct support_tls_server *server) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  server->context = new_context(server);
  server->listener = socket(AF_INET, SOCK_STREAM, 0);
  assert_int_equal(bind(server->listener, (struct sockaddr *)&address, sizeof address), 0);
  assert_int_equal(listen(server->listener, 16), 0);
  assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &len), 0);
  server->port = ntohs(address.sin_port);
  assert_int_equal(pipe(server->stop), 0);
  assert_int_equal(pthread_create(&server->thread, NULL, run, server), 0);
}

void support_tls_server_stop(struct support_tls_server *server) {
  assert_int_equal(write(server->stop[1], "x", 1), 1);
  pthread_join(server->thread, NULL);
  close(server->stop[0]);
  close(server->stop[1]);
  close(server->listener);
  SSL_CTX_free(server->context);
}

void support_tls_server_clear(struct support_tls_server *server) {
  X509_free(server->seen.certificate);
}
