/* No descriptor is kept between calls, and none would survive an exec; no thread is started. */
#include "host.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

static struct host *host;

static size_t entries_of(const char *path) {
  DIR *folder = opendir(path);
  must(folder != NULL);
  size_t count = 0;
  while (readdir(folder) != NULL)
    count++;
  closedir(folder);
  return count;
}

static size_t fds, threads;

static void must_be_as_before(const char *after) {
  if (entries_of("/proc/self/fd") != fds) host_fail(after, 0, "left a descriptor", entries_of("/proc/self/fd"));
  if (entries_of("/proc/self/task") != threads) host_fail(after, 0, "left a thread", entries_of("/proc/self/task"));
}

#define STEP(call)                                                                                                     \
  do {                                                                                                                 \
    must_be(CKR_OK, call);                                                                                             \
    must_be_as_before(#call);                                                                                          \
  } while (0)

static void each_call_leaves_none(void) {
  const CK_FUNCTION_LIST_3_0 *p11 = host->p11;
  fds = entries_of("/proc/self/fd");
  threads = entries_of("/proc/self/task");
  STEP(p11->C_Initialize(NULL));
  CK_SLOT_ID slot = host_slot(host, "web");
  CK_SLOT_INFO info;
  STEP(p11->C_GetSlotInfo(slot, &info));
  CK_TOKEN_INFO token;
  STEP(p11->C_GetTokenInfo(slot, &token));
  CK_SESSION_HANDLE session = 0;
  STEP(p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
  STEP(p11->C_FindObjectsInit(session, NULL, 0));
  CK_ULONG count = 16;
  CK_OBJECT_HANDLE objects[16];
  STEP(p11->C_FindObjects(session, objects, 16, &count));
  STEP(p11->C_FindObjectsFinal(session));
  CK_BYTE signature[256];
  for (int i = 0; i < 5; i++)
    STEP(host_sign(host, session, host_find(host, session, CKO_PRIVATE_KEY), signature));
  STEP(p11->C_CloseSession(session));
  STEP(p11->C_Finalize(NULL));
}

/* In a child that has signed: a program started from it has its three and the folder that ls reads. */
static int start_a_program(void *argument) {
  (void)argument;
  host_start(host);
  CK_SESSION_HANDLE session = host_open(host, 0);
  host_sign_checked(host, session, host_find(host, session, CKO_PRIVATE_KEY), host->identities[0].key);
  execlp("sh", "sh", "-c", "test $(ls /proc/self/fd | wc -l) = 4", (char *)NULL);
  return 99;
}

static void a_program_inherits_none(void) {
  must(host_fork(start_a_program, NULL) == 0);
}

static const struct host_case cases[] = {
    {"/descriptors/each_call_leaves_none", each_call_leaves_none},
    {"/descriptors/a_program_inherits_none", a_program_inherits_none},
};

int main(int argc, char **argv) {
  for (int fd = 3; fd < 1024; fd++)
    (void)close(fd); /* what this program was started with */
  host = host_new();
  host_load(host);
  int status = host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);
  host_free(&host);
  return status;
}
