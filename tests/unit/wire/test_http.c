/* The fixed policy on plain HTTP: what is followed, kept, refused and read from the environment. */
#include "support_server.h"
#include "wire/http.h"

#include <curl/curl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define OVER_CAP (KG_HTTP_BODY_MAX + 1)

struct peer {
  struct support_server *server;
  support_handler *handler;
  const char *text; /* a whole answer */
  size_t body_len;  /* of a body of 'x' */
  const char *location;
  int status;
};

static struct peer peer, canary;

static void answer_text(void *context, size_t index, const struct support_request *request,
                        struct support_reply *reply) {
  (void)index, (void)request;
  support_reply_format(reply, "%s", ((struct peer *)context)->text);
}

static void start(support_handler *handler) {
  peer.server = support_server_start(handler, &peer, NULL);
}

static int set_up(void **state) {
  (void)state;
  memset(&peer, 0, sizeof peer);
  memset(&canary, 0, sizeof canary);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  support_server_stop(&peer.server);
  support_server_stop(&canary.server);
  return 0;
}

static enum kg_status get_from(const char *origin, int64_t timeout_ms, struct kg_http_response *response,
                               struct kg_error *error) {
  char url[256];
  struct kg_http_request request = {.method = "GET", .url = url, .timeout_ms = timeout_ms};
  snprintf(url, sizeof url, "%s/metadata/x?secret=query_canary", origin);
  return kg_http_perform(&request, response, error);
}

static enum kg_status get(struct kg_http_response *response, struct kg_error *error) {
  return get_from(support_server_origin(peer.server), 10000, response, error);
}

static void answer_is_read(void **state) {
  (void)state;
  peer.text = "HTTP/1.1 200 OK\r\nServer: IMDS/1\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: 17\r\n"
              "Content-Length: 4\r\n\r\nbody";
  start(answer_text);
  struct kg_http_response response = {0};
  struct kg_error error = {0};
  assert_int_equal(get(&response, &error), KG_OK);
  assert_int_equal(response.status, 200);
  assert_string_equal(response.server, "IMDS/1");
  assert_int_equal(response.date_s, 784111777);
  assert_int_equal(response.retry_after_s, 17);
  assert_int_equal(response.body.len, 4);
  assert_memory_equal(response.body.data, "body", 4);
  char remote[64];
  snprintf(remote, sizeof remote, "127.0.0.1:%u", support_server_port(peer.server));
  assert_string_equal(response.remote, remote);
  assert_false(response.reset);
  assert_int_equal(response.server_alert, 0);
  kg_http_response_clear(&response);
}

static void request_is_plain_and_complete(void **state) {
  static const char *const headers[] = {"Metadata: true", "Content-Type: application/json; charset=utf-8", NULL};
  char url[256];
  struct kg_http_request request = {.method = "POST",
                                    .url = url,
                                    .headers = headers,
                                    .body = {(const unsigned char *)"{\"a\":1}", 7},
                                    .timeout_ms = 10000};
  (void)state;
  peer.text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  start(answer_text);
  snprintf(url, sizeof url, "%s/p?q=1&r=%%2F", support_server_origin(peer.server));
  struct kg_error error = {0};
  struct kg_http_response response = {0};
  assert_int_equal(kg_http_perform(&request, &response, &error), KG_OK);
  const struct support_request *seen = support_server_request(peer.server, 0);
  assert_string_equal(seen->method, "POST");
  assert_string_equal(seen->target, "/p?q=1&r=%2F");
  assert_int_equal(seen->body_len, 7);
  assert_memory_equal(seen->body, "{\"a\":1}", 7);
  char *value;
  assert_non_null(value = support_request_header(seen, "Metadata"));
  free(value);
  assert_non_null(value = support_request_header(seen, "Content-Type"));
  assert_string_equal(value, "application/json; charset=utf-8");
  free(value);
  static const char *const absent[] = {"Expect",     "Cookie",           "Authorization", "Accept-Encoding",
                                       "User-Agent", "Proxy-Connection", "Upgrade"};
  for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++)
    assert_null(support_request_header(seen, absent[i]));
  kg_http_response_clear(&response);
}

static void any_status_is_an_answer(void **state) {
  static const int statuses[] = {204, 400, 404, 410, 429, 500, 503};
  (void)state;
  for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
    char text[128];
    snprintf(text, sizeof text, "HTTP/1.1 %d Status\r\n%s\r\n", statuses[i],
             statuses[i] == 204 ? "" : "Content-Length: 0\r\n");
    peer.text = text;
    start(answer_text);
    struct kg_error error = {0};
    struct kg_http_response response = {0};
    assert_int_equal(get(&response, &error), KG_OK);
    assert_int_equal(response.status, statuses[i]);
    assert_int_equal(response.retry_after_s, -1);
    assert_int_equal(response.date_s, 0);
    kg_http_response_clear(&response);
    support_server_stop(&peer.server);
  }
}

static void answer_redirect(void *context, size_t index, const struct support_request *request,
                            struct support_reply *reply) {
  struct peer *self = context;
  (void)index, (void)request;
  support_reply_format(reply, "HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", self->status,
                       self->location);
}

static void redirect_is_not_followed(void **state) {
  static const int statuses[] = {301, 302, 303, 307, 308};
  (void)state;
  canary.text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  canary.server = support_server_start(answer_text, &canary, NULL);
  char location[128];
  snprintf(location, sizeof location, "%s/canary", support_server_origin(canary.server));
  peer.location = location;
  start(answer_redirect);
  char url[128];
  snprintf(url, sizeof url, "%s/start", support_server_origin(peer.server));
  for (size_t i = 0; i < 2 * sizeof statuses / sizeof statuses[0]; i++) {
    struct kg_http_request request = {.method = i % 2 ? "POST" : "GET",
                                      .url = url,
                                      .body = {(const unsigned char *)"credential", 10},
                                      .timeout_ms = 10000};
    peer.status = statuses[i / 2];
    struct kg_http_response response = {0};
    struct kg_error error = {0};
    assert_int_equal(kg_http_perform(&request, &response, &error), KG_OK);
    assert_int_equal(response.status, statuses[i / 2]);
    kg_http_response_clear(&response);
  }
  assert_int_equal(support_server_requests(peer.server), 10);
  assert_int_equal(support_server_connections(canary.server), 0);
}

static void header_that_occurs_twice_is_none(void **state) {
  (void)state;
  peer.text = "HTTP/1.1 200 OK\r\nServer: IMDS/1\r\nServer: other\r\nContent-Length: 0\r\n\r\n";
  start(answer_text);
  struct kg_http_response response = {0};
  struct kg_error error = {0};
  assert_int_equal(get(&response, &error), KG_OK);
  assert_string_equal(response.server, "");
  kg_http_response_clear(&response);
}

static void retry_after_forms(void **state) {
  static const struct {
    const char *headers;
    int64_t seconds;
  } rows[] = {
      {"Retry-After: 0\r\n", 0},
      {"Retry-After: 120\r\n", 120},
      {"Retry-After: 99999999999999999999\r\n", 86400},
      {"Retry-After: \r\n", -1},
      {"Retry-After: soon\r\n", -1},
      {"Retry-After: -5\r\n", -1},
      {"Retry-After: 1.5\r\n", -1},
      {"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n", 60},
      {"Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:40:37 GMT\r\n", 0},
      {"Retry-After: Sun, 06 Nov 1994 08:50:37 GMT\r\n", 0},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    char text[256];
    snprintf(text, sizeof text, "HTTP/1.1 429 Wait\r\n%sContent-Length: 0\r\n\r\n", rows[i].headers);
    peer.text = text;
    start(answer_text);
    struct kg_error error = {0};
    struct kg_http_response response = {0};
    assert_int_equal(get(&response, &error), KG_OK);
    assert_int_equal(response.retry_after_s, rows[i].seconds);
    kg_http_response_clear(&response);
    support_server_stop(&peer.server);
  }
}

static void answer_big(void *context, size_t index, const struct support_request *request,
                       struct support_reply *reply) {
  struct peer *self = context;
  char head[128];
  int head_len = snprintf(head, sizeof head,
                          self->status ? "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n"
                                       : "HTTP/1.1 200 OK\r\n%.0zuConnection: close\r\n\r\n",
                          self->body_len);
  (void)index, (void)request;
  reply->len = (size_t)head_len + self->body_len;
  reply->text = malloc(reply->len);
  assert_non_null(reply->text);
  memcpy(reply->text, head, (size_t)head_len);
  memset(reply->text + head_len, 'x', self->body_len);
}

static void body_of_exactly_the_cap_is_taken(void **state) {
  (void)state;
  peer.body_len = KG_HTTP_BODY_MAX;
  peer.status = 1;
  start(answer_big);
  struct kg_error error = {0};
  struct kg_http_response response = {0};
  assert_int_equal(get(&response, &error), KG_OK);
  assert_int_equal(response.body.len, KG_HTTP_BODY_MAX);
  kg_http_response_clear(&response);
}

static void body_over_the_cap_is_refused(void **state) {
  (void)state;
  peer.body_len = OVER_CAP;
  start(answer_big);
  for (int with_length = 0; with_length <= 1; with_length++) {
    peer.status = with_length;
    struct kg_http_response response = {0};
    struct kg_error error = {0};
    assert_int_equal(get(&response, &error), KG_E_TRANSPORT);
    assert_string_equal(error.sub_code, "body_too_large");
    assert_int_equal(response.body.len, 0);
    assert_null(strstr(error.text, "canary"));
    kg_http_response_clear(&response);
  }
}

static void compressed_body_is_not_unpacked(void **state) {
  (void)state;
  peer.text = "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n{\"a\"";
  start(answer_text);
  struct kg_error error = {0};
  struct kg_http_response response = {0};
  assert_int_equal(get(&response, &error), KG_OK);
  assert_memory_equal(response.body.data, "{\"a\"", 4);
  kg_http_response_clear(&response);
}

static void broken_answers_are_transport_failures(void **state) {
  static const char *const texts[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",           /* cut short */
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", /* in a chunk */
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n0\r\n\r\n",
      "",
      "no HTTP at all\r\n\r\n",
      "HTTP/1.1 2\r\n\r\n",
  };
  (void)state;
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    peer.text = texts[i];
    start(answer_text);
    struct kg_error error = {0};
    struct kg_http_response response = {0};
    if (get(&response, &error) != KG_E_TRANSPORT) fail_msg("row %zu: %s", i, kg_status_name(error.status));
    assert_int_not_equal(error.native_code, 0);
    assert_null(strstr(error.text, "canary"));
    kg_http_response_clear(&response);
    support_server_stop(&peer.server);
  }
}

static void answer_partly(void *context, size_t index, const struct support_request *request,
                          struct support_reply *reply) {
  struct peer *self = context;
  (void)index, (void)request;
  support_reply_format(reply, "%s", self->text);
  reply->end = self->status ? SUPPORT_RESET : SUPPORT_STALL;
}

static void reset_is_told_apart(void **state) {
  (void)state;
  peer.text = "";
  peer.status = 1;
  start(answer_partly);
  struct kg_error error = {0};
  struct kg_http_response response = {0};
  assert_int_equal(get(&response, &error), KG_E_TRANSPORT);
  assert_true(response.reset);
  assert_string_equal(error.sub_code, "connection_reset");
  kg_http_response_clear(&response);
}

static void silence_is_a_timeout(void **state) {
  static const char *const texts[] = {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nslow"};
  (void)state;
  start(answer_partly);
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    peer.text = texts[i];
    struct kg_error error = {0};
    struct kg_http_response response = {0};
    assert_int_equal(get_from(support_server_origin(peer.server), 150, &response, &error), KG_E_TIMEOUT);
    assert_int_equal(response.body.len, 0);
    kg_http_response_clear(&response);
  }
}

static void refused_connection_names_the_host_only(void **state) {
  (void)state;
  start(answer_text);
  char origin[64];
  snprintf(origin, sizeof origin, "%s", support_server_origin(peer.server));
  support_server_stop(&peer.server);
  struct kg_http_response response = {0};
  struct kg_error error = {0};
  assert_int_equal(get_from(origin, 10000, &response, &error), KG_E_TRANSPORT);
  assert_int_equal(error.native_code, CURLE_COULDNT_CONNECT);
  assert_false(response.reset);
  assert_non_null(strstr(error.text, "127.0.0.1:"));
  assert_null(strstr(error.text, "canary"));
  assert_null(strstr(error.text, "/metadata"));
  kg_http_response_clear(&response);
}

static void proxies_of_the_environment_are_not_asked(void **state) {
  static const char *const names[] = {"http_proxy",  "HTTP_PROXY", "https_proxy",
                                      "HTTPS_PROXY", "all_proxy",  "ALL_PROXY"};
  (void)state;
  peer.text = canary.text = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  canary.server = support_server_start(answer_text, &canary, NULL);
  start(answer_text);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    setenv(names[i], support_server_origin(canary.server), 1);
  setenv("no_proxy", "", 1);
  setenv("NO_PROXY", "", 1);
  struct kg_error error = {0};
  struct kg_http_response response = {0};
  assert_int_equal(get(&response, &error), KG_OK);
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    unsetenv(names[i]);
  unsetenv("no_proxy");
  unsetenv("NO_PROXY");
  assert_int_equal(support_server_requests(peer.server), 1);
  assert_int_equal(support_server_connections(canary.server), 0);
  kg_http_response_clear(&response);
}

static void requests_outside_the_policy_are_refused(void **state) {
  static const struct {
    enum kg_http_kind kind;
    const char *method, *url, *proxy;
  } rows[] = {
      {KG_HTTP_METADATA, "PUT", "http://127.0.0.1:1/", NULL},
      {KG_HTTP_METADATA, "GET", "http://127.0.0.1:1/", "http://127.0.0.1:1"},
      {KG_HTTP_METADATA, "GET", "ftp://127.0.0.1:1/", NULL},
      {KG_HTTP_METADATA, "GET", "file:///etc/hostname", NULL},
      {KG_HTTP_METADATA, "GET", "not a URL", NULL},
      {KG_HTTP_SECURE, "GET", "http://127.0.0.1:1/", NULL},
      {KG_HTTP_SECURE, "GET", "https://127.0.0.1:1/", "https://127.0.0.1:1"},
      {KG_HTTP_SECURE, "GET", "https://127.0.0.1:1/", "socks5h://127.0.0.1:1"},
  };
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct kg_http_request request = {
        .kind = rows[i].kind, .method = rows[i].method, .url = rows[i].url, .proxy = rows[i].proxy, .timeout_ms = 5000};
    struct kg_http_response response = {0};
    struct kg_error error = {0};
    if (kg_http_perform(&request, &response, &error) != KG_E_USAGE) fail_msg("row %zu: %s", i, error.text);
    kg_http_response_clear(&response);
  }
}

static void user_in_the_url_is_refused(void **state) {
  struct kg_http_request request = {.method = "GET", .url = "http://user:password@127.0.0.1:1/", .timeout_ms = 5000};
  (void)state;
  struct kg_http_response response = {0};
  struct kg_error error = {0};
  assert_int_not_equal(kg_http_perform(&request, &response, &error), KG_OK);
  assert_int_equal(error.native_code, CURLE_LOGIN_DENIED);
  assert_null(strstr(error.text, "password"));
  kg_http_response_clear(&response);
}

static void no_time_left_sends_nothing(void **state) {
  (void)state;
  start(answer_text);
  struct kg_http_response response = {0};
  struct kg_error error = {0};
  assert_int_equal(get_from(support_server_origin(peer.server), 0, &response, &error), KG_E_TIMEOUT);
  assert_int_equal(support_server_connections(peer.server), 0);
}

#define TEST(name)                                                                                                     \
  { "/http/" #name, name, set_up, tear_down, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(answer_is_read),
      TEST(request_is_plain_and_complete),
      TEST(any_status_is_an_answer),
      TEST(redirect_is_not_followed),
      TEST(header_that_occurs_twice_is_none),
      TEST(retry_after_forms),
      TEST(body_of_exactly_the_cap_is_taken),
      TEST(body_over_the_cap_is_refused),
      TEST(compressed_body_is_not_unpacked),
      TEST(broken_answers_are_transport_failures),
      TEST(reset_is_told_apart),
      TEST(silence_is_a_timeout),
      TEST(refused_connection_names_the_host_only),
      TEST(proxies_of_the_environment_are_not_asked),
      TEST(requests_outside_the_policy_are_refused),
      TEST(user_in_the_url_is_refused),
      TEST(no_time_left_sends_nothing),
  };
  curl_global_init(CURL_GLOBAL_DEFAULT);
  return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
