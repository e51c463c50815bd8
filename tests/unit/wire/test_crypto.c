/* OpenSSL under a configuration of the machine that leaves out the default provider: each case in a process of its own,
 * because a process reads its configuration once. */
#include "support_pki.h"
#include "support_server.h"
#include "wire/crypto.h"
#include "wire/http.h"

#include <curl/curl.h>
#include <openssl/provider.h>
#include <sys/wait.h>
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

enum { WORKS = 0, NO_DIGEST = 10, NO_HTTPS, NOT_ISOLATED };

static const char *self;
static char folder[] = "/tmp/kg-test-crypto-XXXXXX", configuration[64];

static bool can_hash(void) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned len = 0;
  return EVP_Digest("x", 1, digest, &len, EVP_sha256(), NULL) == 1;
}

static bool can_https(const char *origin, const char *ca_file) {
  struct kg_http_request request = {
      .kind = KG_HTTP_SECURE, .method = "GET", .url = origin, .ca_file = ca_file, .timeout_ms = 20000};
  struct kg_http_response response = {0};
  struct kg_error error = {0};
  bool done = kg_http_perform(&request, &response, &error) == KG_OK;
  if (!done) print_message("%s\n", error.text);
  kg_http_response_clear(&response);
  return done;
}

static bool add_provider(void) {
  static OSSL_PROVIDER *added;
  added = OSSL_PROVIDER_load(NULL, "base");
  return added != NULL;
}

/* The child. "bare" shows that the configuration bites; "late" has read it before. */
static int child(const char *mode, const char *origin, const char *ca_file) {
  if (strcmp(mode, "late") == 0) OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL);
  if (strcmp(mode, "bare") != 0 && (kg_crypto_isolate(NULL) != KG_OK || kg_crypto_isolate(NULL) != KG_OK))
    return NOT_ISOLATED;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  if (!can_hash()) return NO_DIGEST;
  if (strcmp(mode, "added") == 0 && !add_provider()) return NOT_ISOLATED;
  if (!can_hash()) return NO_DIGEST;
  return can_https(origin, ca_file) ? WORKS : NO_HTTPS;
}

static int run(const char *mode, const char *origin) {
  const char *ca_file = support_ca_file();
  pid_t pid = fork();
  if (pid == 0) {
    setenv("OPENSSL_CONF", configuration, 1);
    execl(self, self, mode, origin, ca_file, (char *)NULL);
    _exit(127);
  }
  assert_true(pid > 0);
  int status = -1;
  assert_int_equal(waitpid(pid, &status, 0), pid);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

static void answer_ok(void *context, size_t index, const struct support_request *seen, struct support_reply *reply) {
  (void)context, (void)index, (void)seen;
  support_reply_http(reply, 200, NULL, "{}");
}

static void check(const char *mode, int expected) {
  SSL_CTX *tls = support_tls_server(NULL, (int64_t)time(NULL) + 3600);
  struct support_server *server = support_server_start(answer_ok, NULL, tls);
  assert_int_equal(run(mode, support_server_origin(server)), expected);
  assert_int_equal(support_server_requests(server), expected == WORKS ? 1 : 0);
  support_server_stop(&server);
  SSL_CTX_free(tls);
}

static void configuration_without_default_bites(void **state) {
  (void)state;
  check("bare", NO_DIGEST);
}

static void isolated_process_does_not_notice(void **state) {
  (void)state;
  check("isolated", WORKS);
}

static void default_provider_stays_when_another_is_added(void **state) {
  (void)state;
  check("added", WORKS);
}

static void even_late_isolation_repairs(void **state) {
  (void)state;
  check("late", WORKS);
}

static int write_configuration(void **state) {
  (void)state;
  if (mkdtemp(folder) == NULL) return -1;
  snprintf(configuration, sizeof configuration, "%s/openssl.cnf", folder);
  FILE *file = fopen(configuration, "w");
  if (file == NULL) return -1;
  fputs("openssl_conf = init\n[init]\nproviders = list\n[list]\nbase = base\n[base]\nactivate = 1\n", file);
  return fclose(file);
}

static int clean(void **state) {
  (void)state;
  unlink(configuration);
  return rmdir(folder);
}

int main(int argc, char **argv) {
  if (argc == 4) return child(argv[1], argv[2], argv[3]);
  self = argv[0];
  const struct CMUnitTest tests[] = {
      {"/crypto/configuration_without_default_bites", configuration_without_default_bites, NULL, NULL, NULL},
      {"/crypto/isolated_process_does_not_notice", isolated_process_does_not_notice, NULL, NULL, NULL},
      {"/crypto/default_provider_stays_when_another_is_added", default_provider_stays_when_another_is_added, NULL, NULL,
       NULL},
      {"/crypto/even_late_isolation_repairs", even_late_isolation_repairs, NULL, NULL, NULL},
  };
  return cmocka_run_group_tests_name("crypto", tests, write_configuration, clean);
}
