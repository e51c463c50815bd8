#define _GNU_SOURCE /* RTLD_NEXT */
#include "on_demand_host.h"

#include <dlfcn.h>
#include <errno.h>
#include <spawn.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct host *host;

#define SEEN __attribute__((visibility("default")))
/* The module's, too: what this program exports comes first. */
bool demand_no_process;

SEEN int posix_spawn(pid_t *child, const char *path, const posix_spawn_file_actions_t *actions,
                     const posix_spawnattr_t *attributes, char *const arguments[], char *const environment[]) {
  int (*real)(pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const[],
              char *const[]) = NULL;
  *(void **)&real = dlsym(RTLD_NEXT, "posix_spawn");
  must(real != NULL);
  return demand_no_process ? EAGAIN : real(child, path, actions, attributes, arguments, environment);
}

const char *demand_path(const char *name) {
  static char path[4][1024];
  static atomic_int turn;
  int mine = atomic_fetch_add(&turn, 1) % 4;
  snprintf(path[mine], sizeof path[mine], "%s/%s", host->softhsm->folder, name);
  return path[mine];
}

void demand_arrange(const char *mode) {
  free(kg_softhsm_write(host->softhsm, "fake.mode", mode, 0600));
  unlink(demand_path("fake.report"));
  unlink(demand_path("go"));
  if (access(host->identities[0].binding, F_OK) == 0)
    must(rename(host->identities[0].binding, demand_path("prepared/web.json")) == 0);
}

/* A report that its writer has opened and not yet written is as good as none. */
char *demand_report(void) {
  struct stat info;
  bool written = stat(demand_path("fake.report"), &info) == 0 && info.st_size > 0;
  return written ? host_read(demand_path("fake.report")) : strdup("");
}

int demand_count(const char *word) {
  char *text = demand_report();
  int found = 0;
  for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
    found++;
  free(text);
  return found;
}

int demand_starts(void) {
  return demand_count("start\n");
}

void demand_load(void) {
  host->library = dlopen(KG_ON_DEMAND_MODULE, RTLD_NOW | RTLD_LOCAL);
  if (host->library == NULL) host_fail(KG_ON_DEMAND_MODULE, 0, dlerror(), 0);
  CK_C_GetInterface get_interface = NULL;
  *(void **)&get_interface = dlsym(host->library, "C_GetInterface");
  must(get_interface != NULL);
  CK_INTERFACE *interface = NULL;
  must_be(CKR_OK, get_interface(NULL, NULL, &interface, 0));
  host->p11 = interface->pFunctionList;
}

CK_RV demand_open(const char *identity, CK_SESSION_HANDLE *session) {
  return host->p11->C_OpenSession(host_slot(host, identity), CKF_SERIAL_SESSION, NULL, NULL, session);
}

int demand_opens_and_signs(void) {
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_OK, demand_open("web", &session));
  host_sign_checked(host, session, host_find(host, session, CKO_PRIVATE_KEY), host->identities[0].key);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  return 0;
}

int demand_finds_no_token(void) {
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_TOKEN_NOT_PRESENT, demand_open("web", &session));
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  return 0;
}

int demand_finds_in_an_old_session(void) {
  host_start(host);
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_OK, demand_open("web", &session));
  CK_OBJECT_HANDLE key = host_find(host, session, CKO_PRIVATE_KEY);
  demand_arrange("issue");
  const struct timespec interval = {1, 100000000}; /* the module looks once a second */
  nanosleep(&interval, NULL);
  must(host_find(host, session, CKO_PRIVATE_KEY) == key && demand_starts() == 1);
  host_sign_checked(host, session, key, host->identities[0].key);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  return 0;
}

void demand_must_have_no_child(void) {
  errno = 0;
  must(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

void demand_in_child(int (*function)(void *)) {
  int status = host_fork(function, NULL);
  if (status) host_fail("host", 0, "exit status", (unsigned long)status);
}

void demand_copy_self(const char *to) {
  char self[1024] = "";
  must(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
  host_spawn((const char *const[]){"cp", self, to, NULL});
}
