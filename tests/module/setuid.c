/* A program that runs with more rights than its caller does not let the caller choose the configuration. */
#define _GNU_SOURCE /* setgroups */
#include "host.h"

#include <grp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOBODY 65534

static struct host *host;
static const char *program;

/* Exit status: 10 and the number of slots. */
static int count_slots(void) {
  struct host mine = {0};
  host_load(&mine);
  must_be(CKR_OK, mine.p11->C_Initialize(NULL));
  CK_ULONG count = 0;
  must_be(CKR_OK, mine.p11->C_GetSlotList(CK_FALSE, NULL, &count));
  must_be(CKR_OK, mine.p11->C_Finalize(NULL));
  return 10 + (int)count;
}

static int run_as_nobody(void *path) {
  must(setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
  execl(path, path, "count", (char *)NULL);
  return 99;
}

static void the_environment_is_ignored(void) {
  char plain[512];
  must(snprintf(plain, sizeof plain, "%s/plain", host->softhsm->folder) > 0);
  char raised[512];
  must(snprintf(raised, sizeof raised, "%s/raised", host->softhsm->folder) > 0);
  must(chmod(host->softhsm->folder, 0755) == 0 && chmod(host->configuration, 0644) == 0);
  host_spawn((const char *const[]){"cp", program, plain, NULL});
  host_spawn((const char *const[]){"cp", program, raised, NULL});
  must(chmod(plain, 0755) == 0 && chmod(raised, 04755) == 0);
  must(host_fork(run_as_nobody, plain) == 11);
  must(host_fork(run_as_nobody, raised) == 10);
}

static const struct host_case cases[] = {{"/setuid/the_environment_is_ignored", the_environment_is_ignored}};

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "count") == 0) return count_slots();
  if (geteuid() != 0 || access("/etc/keyguard/keyguard.conf", F_OK) == 0) {
    printf("skipped: needs root, and a machine without a configuration of its own\n");
    return 77;
  }
  program = argv[0];
  host = host_new();
  host_share_module();
  int status = host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);
  host_unshare_module();
  host_free(&host);
  return status;
}
