/* What the operator is told: a line a failure where a level is set, nothing otherwise, and never a PIN. */
#include "host.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct host *host;
static char output[512];

struct request { /* what the child is to do, with its error output in a file */
  void (*work)(void);
};

static int child(void *argument) {
  struct request *request = argument;
  int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  must(fd >= 0 && dup2(fd, 2) == 2);
  host_start(host);
  request->work();
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  return 0;
}

/* The lines that `work` leaves; free() it. */
static char *lines_of(const char *level, void (*work)(void)) {
  char extra[64], *text = calloc(1, 65536);
  (void)snprintf(extra, sizeof extra, "log-level = %s\n", level);
  host->extra = extra;
  host_configure(host);
  (void)snprintf(output, sizeof output, "%s/output", host->softhsm->folder);
  struct request request = {work};
  must(host_fork(child, &request) == 0);
  FILE *file = fopen(output, "r");
  must(file != NULL && text != NULL);
  must(fread(text, 1, 65535, file) < 65535);
  fclose(file);
  host->extra = NULL;
  return text;
}

static size_t count_lines(const char *text) {
  size_t count = 0;
  for (; *text; text++)
    count += *text == '\n';
  return count;
}

static void fail_once(void) {
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_BYTE signature[256];
  must(host_sign(host, session, host_find(host, session, CKO_PRIVATE_KEY), signature) != CKR_OK);
}

static void call_wrongly(void) {
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_ULONG len = 0;
  must_be(CKR_OPERATION_NOT_INITIALIZED, host->p11->C_SignFinal(session, NULL, &len));
  must_be(CKR_SESSION_HANDLE_INVALID, host->p11->C_CloseSession(77));
}

static void begin_twice(void) {
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_OBJECT_HANDLE key = host_find(host, session, CKO_PRIVATE_KEY);
  must_be(CKR_OK, host->p11->C_SignInit(session, &host_pss, key));
  for (int i = 0; i < 3; i++)
    must_be(CKR_OPERATION_ACTIVE, host->p11->C_SignInit(session, &host_pss, key));
}

/* PIN files are read when the key is opened. */
static void with_wrong_pin(void (*test)(void)) {
  free(kg_softhsm_write(host->softhsm, "pin", "9876543210-secret\n", 0600));
  test();
  free(kg_softhsm_write(host->softhsm, "pin", KG_SOFTHSM_PIN "\n", 0600));
}

static void check_failure(void) {
  char *text = lines_of("error", fail_once);
  if (count_lines(text) != 1) host_fail(text, 0, "lines", count_lines(text));
  must(strstr(text, "C_Sign") != NULL && strstr(text, "identity web") != NULL && strstr(text, "PIN") != NULL);
  must(strstr(text, "secret") == NULL);
  free(text);
  text = lines_of("debug", fail_once);
  must(strstr(text, "secret") == NULL);
  free(text);
  text = lines_of("off", fail_once);
  must(*text == '\0');
  free(text);
}

static void a_failure_is_one_line_with_its_cause(void) {
  with_wrong_pin(check_failure);
}

static void the_callers_mistakes_are_told_on_request_only(void) {
  char *text = lines_of("warn", call_wrongly);
  must(*text == '\0');
  free(text);
  text = lines_of("debug", call_wrongly);
  must(strstr(text, "C_SignFinal") != NULL && strstr(text, "C_CloseSession") != NULL);
  free(text);
}

static void an_abandoned_operation_is_told_once_a_session(void) {
  char *text = lines_of("warn", begin_twice);
  if (count_lines(text) != 1) host_fail(text, 0, "lines", count_lines(text));
  must(strstr(text, "active") != NULL);
  free(text);
}

static void sign_many(void) {
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_OK, host->p11->C_OpenSession(host_slot(host, "fake"), CKF_SERIAL_SESSION, NULL, NULL, &session));
  CK_BYTE signature[256];
  for (int i = 0; i < 5; i++)
    must(host_sign(host, session, host_find(host, session, CKO_PRIVATE_KEY), signature) != CKR_OK);
  /* A token locks after a few; one that says that it was tried already (the cases before) is not tried at all. */
  must(atomic_load(&host_fake_token()->refused_logins) <= 1);
}

static void check_attempts(void) {
  free(lines_of("off", sign_many));
}

static void a_wrong_pin_is_tried_once_at_most(void) {
  with_wrong_pin(check_attempts);
}

static const struct host_case cases[] = {
    {"/log/a_failure_is_one_line_with_its_cause", a_failure_is_one_line_with_its_cause},
    {"/log/the_callers_mistakes_are_told_on_request_only", the_callers_mistakes_are_told_on_request_only},
    {"/log/an_abandoned_operation_is_told_once_a_session", an_abandoned_operation_is_told_once_a_session},
    {"/log/a_wrong_pin_is_tried_once_at_most", a_wrong_pin_is_tried_once_at_most},
};

int main(int argc, char **argv) {
  host = host_new();
  (void)host_add_fake(host, "fake");
  int status = host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);
  host_free(&host);
  return status;
}
