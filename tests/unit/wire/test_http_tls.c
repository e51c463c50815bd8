/* The fixed policy on TLS: trust, versions, alerts, client certificates. */
#include "support_pki.h"
#include "support_server.h"
#include "wire/http.h"

#include <curl/curl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SYSTEM_TRUST "/etc/ssl/certs/ca-certificates.crt"

static SSL_CTX *tls;
static struct support_server *server, *canary;
static struct kg_http_request request;
static struct kg_http_response response;
static struct kg_error error;
static char url[128];

static void answer_ok(void *context, size_t index, const struct support_request *seen, struct support_reply *reply) {
  (void)context, (void)index, (void)seen;
  support_reply_http(reply, 200, NULL, "{}");
}

static int64_t later(void) {
  return (int64_t)time(NULL) + 3600;
}

static void serve(SSL_CTX *context) {
  tls = context;
  server = support_server_start(answer_ok, NULL, tls);
  snprintf(url, sizeof url, "%s/p?q=query_canary", support_server_origin(server));
  request = (struct kg_http_request){
      .kind = KG_HTTP_SECURE, .method = "GET", .url = url, .ca_file = support_ca_file(), .timeout_ms = 20000};
}

static enum kg_status perform(void) {
  return kg_http_perform(&request, &response, &error);
}

static int set_up(void **state) {
  (void)state;
  memset(&response, 0, sizeof response);
  memset(&error, 0, sizeof error);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  support_server_stop(&server);
  support_server_stop(&canary);
  SSL_CTX_free(tls);
  tls = NULL;
  kg_http_response_clear(&response);
  return 0;
}

static void check_failure(enum kg_status status, const char *sub_code) {
  enum kg_status found = perform();
  if (found != status) print_error("%s: %s\n", kg_status_name(found), error.text);
  assert_int_equal(found, status);
  assert_string_equal(error.sub_code, sub_code);
  assert_int_not_equal(error.native_code, 0);
  assert_null(strstr(error.text, "canary"));
  assert_int_equal(response.body.len, 0);
}

static void trusted_server_is_asked(void **state) {
  (void)state;
  serve(support_tls_server(NULL, later()));
  assert_int_equal(perform(), KG_OK);
  assert_int_equal(response.status, 200);
  assert_string_equal(support_server_request(server, 0)->tls_version, "TLSv1.3");
  assert_string_equal(support_server_request(server, 0)->peer, "");
}

static void metadata_over_https_is_verified_too(void **state) {
  (void)state;
  serve(support_tls_server(NULL, later()));
  request.kind = KG_HTTP_METADATA;
  assert_int_equal(perform(), KG_OK);
  request.ca_file = NULL;
  check_failure(KG_E_TLS, "server_untrusted");
}

static void unknown_issuer_is_refused(void **state) {
  (void)state;
  serve(support_tls_server(NULL, later()));
  request.ca_file = NULL;
  check_failure(KG_E_TLS, "server_untrusted");
  assert_int_equal(support_server_requests(server), 0);
  assert_int_equal(response.server_alert, 0);
}

static void wrong_name_is_refused(void **state) {
  (void)state;
  serve(support_tls_server("DNS:other.example", later()));
  check_failure(KG_E_TLS, "server_untrusted");
  assert_int_equal(support_server_requests(server), 0);
}

static void expired_server_is_refused(void **state) {
  (void)state;
  serve(support_tls_server(NULL, (int64_t)time(NULL) - 60));
  check_failure(KG_E_TLS, "server_untrusted");
  assert_int_equal(support_server_requests(server), 0);
}

static void environment_cannot_add_trust(void **state) {
  (void)state;
  serve(support_tls_server(NULL, later()));
  setenv("SSL_CERT_FILE", support_ca_file(), 1);
  setenv("CURL_CA_BUNDLE", support_ca_file(), 1);
  request.ca_file = NULL;
  check_failure(KG_E_TLS, "server_untrusted");
  unsetenv("SSL_CERT_FILE");
  unsetenv("CURL_CA_BUNDLE");
}

static void missing_ca_file_is_named(void **state) {
  (void)state;
  serve(support_tls_server(NULL, later()));
  request.ca_file = "/nonexistent/extra.pem";
  check_failure(KG_E_TLS, "");
  assert_non_null(strstr(error.text, "/nonexistent/extra.pem"));
  assert_int_equal(support_server_requests(server), 0);
}

/* At the moment of truth: libcurl may fill the store late. */
static int count_and_verify(X509_STORE_CTX *context, void *argument) {
  *(int *)argument = sk_X509_OBJECT_num(X509_STORE_get0_objects(X509_STORE_CTX_get0_store(context)));
  return X509_verify_cert(context);
}

static int count_trust(SSL_CTX *context, void *argument) {
  SSL_CTX_set_cert_verify_callback(context, count_and_verify, argument);
  return 1;
}

static void extra_trust_is_added_to_the_systems(void **state) {
  (void)state;
  if (access(SYSTEM_TRUST, R_OK) != 0) {
    print_message("no " SYSTEM_TRUST " here\n");
    skip();
  }
  serve(support_tls_server(NULL, later()));
  request.tls_setup = count_trust;
  int with = 0;
  request.tls_argument = &with;
  assert_int_equal(perform(), KG_OK);
  int without = 0;
  request.tls_argument = &without;
  request.ca_file = NULL;
  assert_int_equal(perform(), KG_E_TLS);
  assert_true(without > 1);
  assert_int_equal(with, without + 1);
}

static void tls_max_is_kept(void **state) {
  (void)state;
  serve(support_tls_server(NULL, later()));
  request.tls_max = 12;
  assert_int_equal(perform(), KG_OK);
  assert_string_equal(support_server_request(server, 0)->tls_version, "TLSv1.2");
  request.tls_max = 13;
  assert_int_equal(perform(), KG_OK);
  assert_string_equal(support_server_request(server, 1)->tls_version, "TLSv1.3");
}

static void older_tls_is_refused(void **state) {
  SSL_CTX *old = support_tls_server(NULL, later());
  (void)state;
  SSL_CTX_set_security_level(old, 0);
  SSL_CTX_set_min_proto_version(old, TLS1_VERSION);
  SSL_CTX_set_max_proto_version(old, TLS1_1_VERSION);
  serve(old);
  assert_int_equal(perform(), KG_E_TLS);
  assert_int_equal(support_server_requests(server), 0);
}

struct client {
  EVP_PKEY *key;
  X509 *certificate;
};

static int present(SSL_CTX *context, void *argument) {
  struct client *client = argument;
  return SSL_CTX_use_certificate(context, client->certificate) == 1 &&
         SSL_CTX_use_PrivateKey(context, client->key) == 1;
}

static struct client client_new(void) {
  struct client client = {support_key_ec(), NULL};
  struct support_certificate what = {.key = client.key,
                                     .common_name = "client",
                                     .not_before = later() - 7200,
                                     .not_after = later(),
                                     .extended_key_usage = "clientAuth"};
  client.certificate = support_certificate_new(&what);
  return client;
}

static void client_free(struct client *client) {
  EVP_PKEY_free(client->key);
  X509_free(client->certificate);
}

static void client_certificate_is_presented(void **state) {
  struct client client = client_new();
  static const int versions[] = {12, 13};
  (void)state;
  serve(support_tls_server(NULL, later()));
  support_tls_trust_ca(tls);
  SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  request.tls_setup = present;
  request.tls_argument = &client;
  for (size_t i = 0; i < 2; i++) {
    request.tls_max = versions[i];
    assert_int_equal(perform(), KG_OK);
    assert_string_equal(support_server_request(server, i)->peer, "/CN=client");
  }
  client_free(&client);
}

static int refuse(SSL_CTX *context, void *argument) {
  (void)context, (void)argument;
  return 0;
}

static void failed_setup_sends_nothing(void **state) {
  (void)state;
  serve(support_tls_server(NULL, later()));
  request.tls_setup = refuse;
  check_failure(KG_E_TLS, "client_certificate");
  assert_int_equal(support_server_requests(server), 0);
}

static void check_alert(int version, unsigned char alert) {
  request.tls_max = version;
  kg_error_clear(&error);
  check_failure(KG_E_TLS, "peer_alert");
  assert_int_equal(response.server_alert, alert);
}

static void missing_client_certificate_is_the_peers_alert(void **state) {
  (void)state;
  serve(support_tls_server(NULL, later()));
  SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  check_alert(12, SSL_AD_HANDSHAKE_FAILURE);
  check_alert(13, SSL_AD_CERTIFICATE_REQUIRED);
}

static int verdict;

static int judge(X509_STORE_CTX *context, void *argument) {
  (void)argument;
  X509_STORE_CTX_set_error(context, verdict);
  return verdict == X509_V_OK;
}

static void refused_client_certificate_is_the_peers_alert(void **state) {
  static const struct {
    int verdict;
    unsigned char alert;
  } rows[] = {{X509_V_ERR_CERT_REJECTED, SSL_AD_BAD_CERTIFICATE},
              {X509_V_ERR_CERT_REVOKED, SSL_AD_CERTIFICATE_REVOKED},
              {X509_V_ERR_CERT_HAS_EXPIRED, SSL_AD_CERTIFICATE_EXPIRED},
              {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, SSL_AD_UNKNOWN_CA},
              {X509_V_ERR_INVALID_PURPOSE, SSL_AD_UNSUPPORTED_CERTIFICATE},
              {X509_V_ERR_APPLICATION_VERIFICATION, SSL_AD_HANDSHAKE_FAILURE}};
  struct client client = client_new();
  (void)state;
  serve(support_tls_server(NULL, later()));
  SSL_CTX_set_verify(tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  SSL_CTX_set_cert_verify_callback(tls, judge, NULL);
  request.tls_setup = present;
  request.tls_argument = &client;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    verdict = rows[i].verdict;
    check_alert(12, rows[i].alert);
    check_alert(13, rows[i].alert);
  }
  assert_int_equal(support_server_requests(server), 0);
  client_free(&client);
}

static void orderly_end_is_no_alert(void **state) {
  (void)state;
  serve(support_tls_server(NULL, later()));
  assert_int_equal(perform(), KG_OK);
  assert_int_equal(response.server_alert, 0);
}

static void reset_in_the_handshake_is_told_apart(void **state) {
  (void)state;
  serve(support_tls_server(NULL, later()));
  support_server_reset(server);
  check_failure(KG_E_TRANSPORT, "connection_reset");
  assert_true(response.reset);
}

static void answer_moved(void *context, size_t index, const struct support_request *seen, struct support_reply *reply) {
  (void)index, (void)seen;
  support_reply_http(reply, 307, context, "{}");
}

static void redirect_is_not_followed(void **state) {
  static const char body[] = "grant_type=client_credentials";
  (void)state;
  canary = support_server_start(answer_ok, NULL, NULL);
  char headers[128];
  snprintf(headers, sizeof headers, "Location: %s/canary\r\n", support_server_origin(canary));
  tls = support_tls_server(NULL, later());
  server = support_server_start(answer_moved, headers, tls);
  snprintf(url, sizeof url, "%s/token", support_server_origin(server));
  request = (struct kg_http_request){.kind = KG_HTTP_SECURE,
                                     .method = "POST",
                                     .url = url,
                                     .ca_file = support_ca_file(),
                                     .timeout_ms = 20000,
                                     .body = {(const unsigned char *)body, sizeof body - 1}};
  assert_int_equal(perform(), KG_OK);
  assert_int_equal(response.status, 307);
  assert_int_equal(support_server_connections(canary), 0);
}

static void proxies_of_the_environment_are_not_asked(void **state) {
  (void)state;
  canary = support_server_start(answer_ok, NULL, NULL);
  serve(support_tls_server(NULL, later()));
  setenv("https_proxy", support_server_origin(canary), 1);
  setenv("ALL_PROXY", support_server_origin(canary), 1);
  assert_int_equal(perform(), KG_OK);
  unsetenv("https_proxy");
  unsetenv("ALL_PROXY");
  assert_int_equal(support_server_connections(canary), 0);
}

static void answer_forbidden(void *context, size_t index, const struct support_request *seen,
                             struct support_reply *reply) {
  (void)context, (void)index, (void)seen;
  support_reply_http(reply, 403, NULL, "");
}

static void configured_proxy_is_asked_whatever_the_environment_says(void **state) {
  (void)state;
  canary = support_server_start(answer_forbidden, NULL, NULL);
  serve(support_tls_server(NULL, later()));
  request.proxy = support_server_origin(canary);
  setenv("NO_PROXY", "*", 1);
  assert_int_equal(perform(), KG_E_TRANSPORT);
  unsetenv("NO_PROXY");
  assert_int_equal(support_server_requests(canary), 1);
  assert_int_equal(support_server_connections(server), 0);
  assert_string_equal(support_server_request(canary, 0)->method, "CONNECT");
  char target[64];
  snprintf(target, sizeof target, "127.0.0.1:%u", support_server_port(server));
  assert_string_equal(support_server_request(canary, 0)->target, target);
}

static char key_log_folder[] = "/tmp/kg-test-tls-XXXXXX", key_log[64];

static void session_secrets_are_not_written(void **state) {
  (void)state;
  serve(support_tls_server(NULL, later()));
  assert_int_equal(perform(), KG_OK);
  request.tls_max = 12;
  assert_int_equal(perform(), KG_OK);
  struct stat stat_now;
  assert_true(stat(key_log, &stat_now) != 0 || stat_now.st_size == 0);
}

/* Before libcurl is initialised: that is when it looks for the variable. */
static int prepare(void **state) {
  (void)state;
  if (mkdtemp(key_log_folder) == NULL) return -1;
  snprintf(key_log, sizeof key_log, "%s/keys", key_log_folder);
  setenv("SSLKEYLOGFILE", key_log, 1);
  return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? 0 : -1;
}

static int clean(void **state) {
  (void)state;
  unlink(key_log);
  return rmdir(key_log_folder);
}

#define TEST(name)                                                                                                     \
  { "/http_tls/" #name, name, set_up, tear_down, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(trusted_server_is_asked),
      TEST(metadata_over_https_is_verified_too),
      TEST(unknown_issuer_is_refused),
      TEST(wrong_name_is_refused),
      TEST(expired_server_is_refused),
      TEST(environment_cannot_add_trust),
      TEST(missing_ca_file_is_named),
      TEST(extra_trust_is_added_to_the_systems),
      TEST(tls_max_is_kept),
      TEST(older_tls_is_refused),
      TEST(client_certificate_is_presented),
      TEST(failed_setup_sends_nothing),
      TEST(missing_client_certificate_is_the_peers_alert),
      TEST(refused_client_certificate_is_the_peers_alert),
      TEST(orderly_end_is_no_alert),
      TEST(reset_in_the_handshake_is_told_apart),
      TEST(redirect_is_not_followed),
      TEST(proxies_of_the_environment_are_not_asked),
      TEST(configured_proxy_is_asked_whatever_the_environment_says),
      TEST(session_secrets_are_not_written),
  };
  return cmocka_run_group_tests_name("http_tls", tests, prepare, clean);
}
