/* What answers at the metadata service's address, on a clock that only sleeping moves. */
#include "ctl/probe.h"

#include "support_server.h"
#include "tests/support/unit.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#define V2 "/metadata/identity/getplatformmetadata?"
#define V1 "/metadata/identity/oauth2/token?"

static struct support_server *server;
static struct kg_config config;
static struct kg_probe_result result;
static struct kg_error error;
static int64_t elapsed_ms, sleeps;
static const char *script; /* statuses in the order of the requests: "2:500 2:400 1:404"; the last one stays */
static bool metadata_header;

static int64_t get_wall(void *context) {
  (void)context;
  return kg_clock_system()->wall(NULL);
}

static int64_t get_elapsed(void *context) {
  (void)context;
  return elapsed_ms;
}

static void do_sleep(void *context, int64_t milliseconds) {
  (void)context;
  elapsed_ms += milliseconds;
  sleeps++;
}

static const struct kg_clock virtual_clock = {NULL, get_wall, get_elapsed, do_sleep};

/* One word of the script a request; a request of the other version than the word's is a mistake. */
static void on_request(void *context, size_t index, const struct support_request *request,
                       struct support_reply *reply) {
  (void)context;
  (void)index;
  char *header = support_request_header(request, "Metadata");
  int status = atoi(script + 2);
  bool is_v2 = strncmp(request->target, V2, sizeof V2 - 1) == 0,
       is_v1 = strncmp(request->target, V1, sizeof V1 - 1) == 0;
  metadata_header = metadata_header || header != NULL;
  free(header);
  if ((script[0] == '2' && !is_v2) || (script[0] == '1' && !is_v1)) status = 599;
  if (strchr(script, ' ') != NULL) script = strchr(script, ' ') + 1;
  if (status == 0)
    reply->end = SUPPORT_STALL;
  else
    support_reply_http(reply, status, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "{}");
}

static int set_up(void **state) {
  (void)state;
  server = support_server_start(on_request, NULL, NULL);
  config = (struct kg_config){.metadata_endpoint = (char *)support_server_origin(server)};
  result = (struct kg_probe_result){0};
  elapsed_ms = 1000;
  sleeps = 0;
  metadata_header = false;
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  support_server_stop(&server);
  return 0;
}

static void probe(const char *answers, int64_t budget_ms) {
  script = answers;
  assert_int_equal(kg_probe_metadata(&config, &virtual_clock, budget_ms, &result, &error), KG_OK);
}

/* 17: a host that has the path refuses the request for its lack of the header. */
static void probe_ok(void **state) {
  (void)state;
  probe("2:400", 1000);
  assert_int_equal(result.version, KG_PROBE_V2);
  assert_string_equal(result.reason, "");
  assert_int_equal(support_server_requests(server), 1);
  assert_false(metadata_header);
  assert_int_equal(result.server_time_s, 784111777);
}

/* 18 */
static void probe_retry(void **state) {
  (void)state;
  probe("2:500 2:400", 60000);
  assert_int_equal(result.version, KG_PROBE_V2);
  assert_int_equal(support_server_requests(server), 2);
  assert_int_equal(elapsed_ms, 2000);
}

/* 19: a 404 is the answer, and is not asked for twice. */
static void probe_404(void **state) {
  (void)state;
  probe("2:404 1:400", 60000);
  assert_int_equal(result.version, KG_PROBE_V1);
  assert_non_null(strstr(result.reason, "404"));
  assert_int_equal(support_server_requests(server), 2);
  assert_int_equal(sleeps, 0);
}

/* 20: neither; the reason says both. */
static void probe_none(void **state) {
  (void)state;
  probe("2:500 2:500 2:500 2:500 1:404", 60000);
  assert_int_equal(result.version, KG_PROBE_NONE);
  assert_non_null(strstr(result.reason, "500"));
  assert_non_null(strstr(result.reason, "404"));
  assert_int_equal(support_server_requests(server), 5);
  assert_int_equal(elapsed_ms, 1000 + 7000);
}

/* 21: the caller's time is over; what was not found in it is not believed to be absent. */
static void probe_cancel(void **state) {
  (void)state;
  probe("2:0", 150);
  assert_int_equal(result.version, KG_PROBE_NONE);
  assert_non_null(strstr(result.reason, "v2: "));
  assert_int_equal(sleeps, 0);
  probe("2:400", 150);
  assert_int_equal(result.version, KG_PROBE_V2);
}

/* Retries end with the budget, too. */
static void budget_ends_retries(void **state) {
  (void)state;
  probe("2:503", 2500); /* one retry after 1 s; the next would take 2 */
  assert_int_equal(result.version, KG_PROBE_NONE);
  assert_true(elapsed_ms - 1000 < 2500);
}

/* 200 to a request without the header is no metadata service. */
static void answer_without_the_header_is_none(void **state) {
  (void)state;
  probe("2:200 1:200", 1000);
  assert_int_equal(result.version, KG_PROBE_NONE);
}

int main(void) {
#define PROBE(name)                                                                                                    \
  { "/probe/" #name, name, set_up, tear_down, NULL }
  const struct CMUnitTest tests[] = {
      PROBE(probe_ok),
      PROBE(probe_retry),
      PROBE(probe_404),
      PROBE(probe_none),
      PROBE(probe_cancel),
      PROBE(budget_ends_retries),
      PROBE(answer_without_the_header_is_none),
  };
  curl_global_init(CURL_GLOBAL_DEFAULT);
  return cmocka_run_group_tests(tests, NULL, NULL);
}
