/* What C_Initialize touches: one file. Watched by strace; the program runs itself below it with an argument. */
#define _DEFAULT_SOURCE /* usleep */
#include "host.h"

#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static struct host *host;
static const char *program;

/* Two calls that fail mark the part of the trace that is looked at. */
#define BEGIN "/keyguard-test-begin"
#define END "/keyguard-test-end"

static int below_strace(void) {
  must(access(BEGIN, F_OK) != 0);
  struct host mine = {0};
  host_load(&mine);
  must_be(CKR_OK, mine.p11->C_Initialize(NULL));
  must_be(CKR_OK, mine.p11->C_Finalize(NULL));
  must(access(END, F_OK) != 0);
  return 0;
}

static size_t count_of(const char *text, const char *what) {
  size_t count = 0;
  for (; (text = strstr(text, what)) != NULL; text++)
    count++;
  return count;
}

static char *traced(void) {
  char *path = kg_softhsm_write(host->softhsm, "trace", "", 0600);
  host_spawn((const char *const[]){"strace", "-f", "-o", path, program, "below", NULL});
  char *text = host_read(path);
  char *begin = strstr(text, BEGIN);
  char *end = strstr(text, END);
  must(begin != NULL && end != NULL && begin < end);
  *end = '\0';
  memmove(text, begin, strlen(begin) + 1);
  free(path);
  return text;
}

static void one_small_file_is_read(void) {
  static const char *const never[] = {"socket(", "connect(", "clone", "fork(", "execve(", "poll(", "nanosleep"};
  char *text = traced();
  for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
    if (count_of(text, never[i])) host_fail(never[i], 0, "was called", 0);
  must(count_of(text, "keyguard.conf") > 0);
  must(count_of(text, "open(") + count_of(text, "openat(") < 20);
  must(count_of(text, "libsofthsm2") == 0);
  must(count_of(text, host->state) == 0);
  free(text);
}

/* A binding that is a FIFO nobody writes to. */
static void a_state_folder_that_hangs_is_not_waited_for(void) {
  must(unlink(host->identities[0].binding) == 0 && mkfifo(host->identities[0].binding, 0644) == 0);
  alarm(20);
  host_start(host);
  CK_SLOT_INFO info;
  must_be(CKR_OK, host->p11->C_GetSlotInfo(host_slot(host, "web"), &info));
  must(!(info.flags & CKF_TOKEN_PRESENT));
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  alarm(0);
  must(unlink(host->identities[0].binding) == 0);
  host_bind(&host->identities[0]);
}

static void the_key_store_waits_for_a_signature(void) {
  host_start(host);
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_OBJECT_HANDLE key = host_find(host, session, CKO_PRIVATE_KEY);
  must_be(CKR_OK, host->p11->C_SignInit(session, &host_pss, key));
  must_be(CKR_OK, host->p11->C_SignInit(session, NULL, 0));
  must(!host_is_mapped("libsofthsm2"));
  host_sign_checked(host, session, key, host->identities[0].key);
  must(host_is_mapped("libsofthsm2"));
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

/* Nothing was bound when the module was initialised. */
static void a_token_appears_later(void) {
  must(unlink(host->identities[0].binding) == 0);
  host_start(host);
  CK_SLOT_ID slots[4];
  CK_ULONG count = 4;
  must_be(CKR_OK, host->p11->C_GetSlotList(CK_TRUE, slots, &count));
  must(count == 0);
  host_bind(&host->identities[0]);
  for (int i = 0; i < 100 && count == 0; i++) {
    usleep(50000);
    count = 4;
    must_be(CKR_OK, host->p11->C_GetSlotList(CK_TRUE, slots, &count));
  }
  must(count == 1 && slots[0] == host_slot(host, "web"));
  (void)host_open(host, 0);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

static void waiting_for_events_does_not_block(void) {
  host_start(host);
  CK_SLOT_ID slot = 0;
  must_be(CKR_NO_EVENT, host->p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL));
  must_be(CKR_FUNCTION_NOT_SUPPORTED, host->p11->C_WaitForSlotEvent(0, &slot, NULL));
  must_be(CKR_ARGUMENTS_BAD, host->p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, NULL, NULL));
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

static int out_of_descriptors(void *argument) {
  struct rlimit before;
  (void)argument;
  must(getrlimit(RLIMIT_NOFILE, &before) == 0);
  const struct rlimit none = {0, before.rlim_max};
  for (int i = 0; i < 3; i++) {
    must(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CK_RV rv = host->p11->C_Initialize(NULL);
    must(setrlimit(RLIMIT_NOFILE, &before) == 0);
    must_be(CKR_FUNCTION_FAILED, rv);
    CK_ULONG count = 0;
    must_be(CKR_CRYPTOKI_NOT_INITIALIZED, host->p11->C_GetSlotList(CK_FALSE, NULL, &count));
  }
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  (void)host_open(host, 0);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  return 0;
}

/* "No slot" is for the whole life of the host, so it is only said of a configuration that was judged. */
static void a_passing_failure_is_not_taken_for_no_configuration(void) {
  host_load(host);
  must(host_fork(out_of_descriptors, NULL) == 0);
}

static const struct host_case cases[] = {
    {"/initialize/one_small_file_is_read", one_small_file_is_read},
    {"/initialize/the_key_store_waits_for_a_signature", the_key_store_waits_for_a_signature},
    {"/initialize/a_state_folder_that_hangs_is_not_waited_for", a_state_folder_that_hangs_is_not_waited_for},
    {"/initialize/a_token_appears_later", a_token_appears_later},
    {"/initialize/a_passing_failure_is_not_taken_for_no_configuration",
     a_passing_failure_is_not_taken_for_no_configuration},
    {"/initialize/waiting_for_events_does_not_block", waiting_for_events_does_not_block},
};

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "below") == 0) return below_strace();
  program = argv[0];
  host = host_new();
  int status = host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);
  host_free(&host);
  return status;
}
