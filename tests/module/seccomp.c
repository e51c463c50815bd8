/* Hosts under a system call filter, and hosts that count threads: the module starts nothing, and what a signature needs
 * is what docs/conformance.md says. */
#define _GNU_SOURCE /* SYS_* */
#include "host.h"
#include "sandbox.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct host *host;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

/* --- the documented list --- */

struct call {
  const char *name;
  long number;
};

#define CALL(name)                                                                                                     \
  { #name, SYS_##name }
static const struct call known[] = {
    CALL(brk),        CALL(mmap),   CALL(munmap),   CALL(mremap), CALL(madvise), CALL(futex), CALL(clock_gettime),
    CALL(getrandom),  CALL(getpid), CALL(openat),   CALL(read),   CALL(close),   CALL(fcntl), CALL(lseek),
    CALL(newfstatat), CALL(fstat),  CALL(mprotect), CALL(write),  CALL(gettid),  CALL(statx),
};

static long number_of(const char *name) {
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (strcmp(known[i].name, name) == 0) return known[i].number;
  host_fail("docs/conformance.md", 0, name, 0);
}

/* The words of the block below the mark. */
static size_t read_documented(long *out, size_t room) {
  char *text = host_read(KG_CONFORMANCE), *block = strstr(text, "<!-- system calls of a signature -->");
  must(block != NULL);
  block = strstr(block, "```\n");
  must(block != NULL);
  char *next = strstr(block + 4, "```");
  must(next != NULL);
  *next = 0;
  size_t count = 0;
  for (char *word = strtok_r(block + 4, " \n", &next); word != NULL; word = strtok_r(NULL, " \n", &next)) {
    must(count < room);
    out[count++] = number_of(word);
  }
  free(text);
  return count;
}

/* --- hosts --- */

static int locked_down(void *argument) {
  long calls[64];
  size_t count = read_documented(calls, 60);
  (void)argument;
  must(count > 5);
  calls[count++] = SYS_write; /* to tell what went wrong */
  calls[count++] = SYS_exit_group;
  host_start(host);
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_OBJECT_HANDLE key = host_find(host, session, CKO_PRIVATE_KEY);
  CK_BYTE signature[256];
  must_be(CKR_OK, host_sign(host, session, key, signature));
  sandbox_allow_only(calls, count);
  for (int i = 0; i < 1000; i++)
    must_be(CKR_OK, host_sign(host, session, key, signature));
  host_sign_checked(host, session, key, host->identities[0].key);
  CK_SESSION_HANDLE another = host_open(host, 0);
  host_sign_checked(host, another, key, host->identities[0].key);
  must_be(CKR_OK, host->p11->C_CloseSession(another));
  return 0;
}

static void signatures_need_only_the_documented_calls(void) {
  if (SANITIZED) {
    printf("skipped: a sanitizer makes calls of its own\n");
    return;
  }
  int status = host_fork(locked_down, NULL);
  if (status) host_fail("host", 0, "exit status", (unsigned long)status);
}

static int steps_outside(void *argument) {
  static const long calls[] = {SYS_write, SYS_exit_group};
  (void)argument;
  sandbox_allow_only(calls, 2);
  (void)getppid();
  return 0;
}

static void filter_of_these_tests_bites(void) {
  must(host_fork(steps_outside, NULL) == 128 + 31); /* SIGSYS */
}

static long threads(void) {
  char *text = host_read("/proc/self/status"), *line = strstr(text, "\nThreads:");
  must(line != NULL);
  long count = atol(line + strlen("\nThreads:"));
  free(text);
  return count;
}

static void use_everything(void) {
  CK_SESSION_HANDLE session = host_open(host, CKF_RW_SESSION);
  CK_OBJECT_HANDLE key = host_find(host, session, CKO_PRIVATE_KEY);
  CK_BYTE out[32];
  CK_ULONG len = sizeof out;
  must_be(CKR_OK, host->p11->C_Login(session, CKU_USER, NULL, 0));
  CK_BYTE signature[256];
  must_be(CKR_OK, host_sign(host, session, key, signature));
  must_be(CKR_OK, host->p11->C_VerifyInit(session, &host_pss, host_find(host, session, CKO_PUBLIC_KEY)));
  must_be(CKR_OK, host->p11->C_Verify(session, host_digest, sizeof host_digest, signature, sizeof signature));
  CK_MECHANISM digest = {CKM_SHA256, NULL, 0};
  must_be(CKR_OK, host->p11->C_DigestInit(session, &digest));
  must_be(CKR_OK, host->p11->C_Digest(session, host_digest, sizeof host_digest, out, &len));
  must_be(CKR_OK, host->p11->C_CloseSession(session));
}

static int counted(void *argument) {
  long before = threads();
  (void)argument;
  sandbox_forbid_children();
  host_start(host);
  must(threads() == before);
  use_everything();
  must(threads() == before);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  must(threads() == before);
  return 0;
}

static void no_thread_and_no_child_from_initialize_to_finalize(void) {
  int status = host_fork(counted, NULL);
  if (status) host_fail("host", 0, "exit status", (unsigned long)status);
}

static const struct host_case cases[] = {
    {"/seccomp/filter_of_these_tests_bites", filter_of_these_tests_bites},
    {"/seccomp/signatures_need_only_the_documented_calls", signatures_need_only_the_documented_calls},
    {"/seccomp/no_thread_and_no_child_from_initialize_to_finalize", no_thread_and_no_child_from_initialize_to_finalize},
};

int main(int argc, char **argv) {
  if (!sandbox_is_possible()) {
    printf("skipped: no system call filters here\n");
    return 77;
  }
  host = host_new();
  host_load(host);
  int status = host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);
  host_free(&host);
  return status;
}
