/* provision-on-demand in all kinds of hosts: the built module, with a fake in keyguardctl's place. */
#define _GNU_SOURCE /* seteuid and its like, asprintf */
#include "on_demand_host.h"
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int ordinary(void *argument) {
  (void)argument;
  host_start(host);
  (void)demand_opens_and_signs();
  demand_must_have_no_child();
  return 0;
}

static int disappointed(void *argument) {
  (void)argument;
  host_start(host);
  (void)demand_finds_no_token();
  demand_must_have_no_child();
  return 0;
}

static void session_opens_after_provisioning(void) {
  demand_arrange("issue");
  demand_in_child(ordinary);
  must(demand_starts() == 1);
  must(demand_count("argument ") == 3 && demand_count("argument keyguardctl\nargument provision\nargument web\n") == 1);
}

static void present_token_starts_nothing(void) {
  demand_arrange("issue");
  demand_in_child(ordinary);
  unlink(demand_path("fake.report"));
  demand_in_child(ordinary);
  must(demand_starts() == 0);
}

static int with_an_old_session(void *argument) {
  (void)argument;
  (void)demand_finds_in_an_old_session();
  demand_must_have_no_child();
  return 0;
}

static void an_old_session_searches_after_provisioning(void) {
  demand_arrange("issue");
  demand_in_child(ordinary);
  demand_in_child(with_an_old_session);
}

/* --- when nothing is started --- */

static int childless(void *argument) {
  (void)argument;
  sandbox_forbid_children();
  host_start(host);
  return demand_finds_no_token();
}

static void off_by_default(void) {
  demand_arrange("issue");
  host->extra = NULL;
  host_configure(host);
  demand_in_child(childless);
  host->extra = "provision-on-demand = true\n";
  host_configure(host);
  must(demand_starts() == 0);
}

static int looking_around(void *argument) {
  (void)argument;
  sandbox_forbid_children();
  host_start(host);
  CK_SLOT_ID slots[4];
  CK_ULONG number = 4;
  must_be(CKR_OK, host->p11->C_GetSlotList(CK_TRUE, slots, &number));
  CK_SLOT_ID slot = host_slot(host, "web");
  CK_SLOT_INFO slot_info;
  must_be(CKR_OK, host->p11->C_GetSlotInfo(slot, &slot_info));
  must(!(slot_info.flags & CKF_TOKEN_PRESENT));
  CK_TOKEN_INFO token_info;
  must_be(CKR_TOKEN_NOT_PRESENT, host->p11->C_GetTokenInfo(slot, &token_info));
  must_be(CKR_TOKEN_NOT_PRESENT, host->p11->C_GetMechanismList(slot, NULL, &number));
  must_be(CKR_NO_EVENT, host->p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, &slot, NULL));
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  return 0;
}

static void looking_starts_nothing(void) {
  demand_arrange("issue");
  demand_in_child(looking_around);
  must(demand_starts() == 0);
}

/* --- what it inherits --- */

static int untidy(void *argument) {
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  (void)argument;
  struct rlimit limit;
  must(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_cur < 1200) limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
  must(setrlimit(RLIMIT_NOFILE, &limit) == 0);
  for (int i = 0; i < 1024; i++)
    must(open("/dev/zero", O_RDONLY) >= 0);
  sigset_t blocked;
  sigfillset(&blocked);
  sigdelset(&blocked, SIGALRM);
  must(pthread_sigmask(SIG_SETMASK, &blocked, NULL) == 0);
  must(sigaction(SIGPIPE, &ignore, NULL) == 0 && sigaction(SIGHUP, &ignore, NULL) == 0);
  setenv("LD_PRELOAD", "/nowhere/evil.so", 1);
  setenv("OPENSSL_CONF", "/nowhere/evil.cnf", 1);
  setenv("PATH", "/nowhere", 1);
  setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://192.0.2.1", 1);
  return ordinary(NULL);
}

static void nothing_is_inherited(void) {
  demand_arrange("issue");
  demand_in_child(untidy);
  must(demand_starts() == 1);
  must(demand_count("descriptor ") == 3);
  must(demand_count("descriptor 0 /dev/null\n") == 1 && demand_count("descriptor 1 /dev/null\n") == 1);
  must(demand_count("descriptor 2 /dev/null\n") == 1);
  must(demand_count("environment ") == 3 && demand_count("environment PATH=/usr/sbin:/usr/bin:/sbin:/bin\n") == 1);
  must(demand_count("environment LC_ALL=C.UTF-8\n") == 1);
  char *expected = NULL;
  must(asprintf(&expected, "environment KEYGUARD_CONF=%s\n", host->configuration) > 0);
  must(demand_count(expected) == 1);
  free(expected);
  must(demand_count("SigBlk 0\n") == 1 && demand_count("SigIgn 0\n") == 1);
}

static int without_standard_descriptors(void *argument) {
  (void)argument;
  close(0);
  close(1);
  close(2);
  return ordinary(NULL);
}

static void closed_standard_descriptors_do_not_matter(void) {
  demand_arrange("issue");
  demand_in_child(without_standard_descriptors);
  must(demand_count("descriptor ") == 3);
}

/* --- who reaps --- */

static int ignoring(void *argument) {
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  must(sigaction(SIGCHLD, &ignore, NULL) == 0);
  return *(bool *)argument ? ordinary(NULL) : disappointed(NULL);
}

static void host_may_ignore_its_children(void) {
  demand_arrange("issue");
  bool good = true;
  must(host_fork(ignoring, &good) == 0);
  good = false;
  demand_arrange("fail");
  must(host_fork(ignoring, &good) == 0);
  must(demand_starts() == 1);
}

static atomic_bool reap;

static void *reaper(void *argument) {
  (void)argument;
  while (atomic_load(&reap))
    if (waitpid(-1, NULL, 0) < 0) usleep(200);
  return NULL;
}

static int reaping(void *argument) {
  (void)argument;
  atomic_store(&reap, true);
  pthread_t thread;
  must(pthread_create(&thread, NULL, reaper, NULL) == 0);
  host_start(host);
  (void)demand_opens_and_signs();
  atomic_store(&reap, false);
  must(pthread_join(thread, NULL) == 0);
  demand_must_have_no_child();
  return 0;
}

static void host_may_reap_what_it_does_not_know(void) {
  demand_arrange("issue");
  demand_in_child(reaping);
  must(demand_starts() == 1);
}

/* --- what goes wrong --- */

static void exit_status_decides_nothing(void) {
  demand_arrange("issue-and-fail");
  demand_in_child(ordinary);
  demand_arrange("lie");
  demand_in_child(disappointed);
  demand_arrange("fail");
  demand_in_child(disappointed);
  must(demand_starts() == 1);
}

/* It is gone, and not only waited for by nobody. */
static void must_be_gone(const char *word) {
  char *text = demand_report(), *at = strstr(text, word);
  pid_t process = at != NULL ? (pid_t)atol(at + strlen(word)) : 0;
  must(process > 1);
  for (int i = 0; i < 500 && kill(process, 0) == 0; i++) { /* a grandchild's end is init's to see */
    char name[64];
    snprintf(name, sizeof name, "/proc/%ld/stat", (long)process);
    FILE *file = fopen(name, "r");
    char state[256] = "";
    if (file != NULL && fgets(state, sizeof state, file) != NULL && strstr(state, ") Z ") != NULL) i = 500;
    if (file != NULL) fclose(file);
    usleep(10000);
    must(i != 499);
  }
  free(text);
}

static void hanging_one_is_ended(void) {
  demand_arrange("hang");
  demand_in_child(disappointed);
  must(demand_starts() == 1);
  must_be_gone("pid ");
  must_be_gone("grandchild ");
}

static int stubborn(void *argument) {
  (void)argument;
  host_start(host);
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_TOKEN_NOT_PRESENT, demand_open("web", &session));
  must_be(CKR_TOKEN_NOT_PRESENT, demand_open("web", &session));
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  must_be(CKR_TOKEN_NOT_PRESENT, demand_open("web", &session));
  must(demand_starts() == 1);
  must_be(CKR_TOKEN_NOT_PRESENT, demand_open("new", &session));
  must(demand_starts() == 2);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  return 0;
}

static void failure_is_remembered(void) {
  demand_arrange("fail");
  demand_in_child(stubborn);
}

static int without_a_process_at_first(void *argument) {
  (void)argument;
  host_start(host);
  demand_no_process = true;
  (void)demand_finds_no_token();
  demand_no_process = false;
  host_start(host);
  return demand_opens_and_signs();
}

static void what_passes_is_not_remembered(void) {
  demand_arrange("issue");
  demand_in_child(without_a_process_at_first);
  must(demand_starts() == 1);
}

static int without_execve(void *argument) {
  static const long calls[] = {SYS_execve, SYS_execveat};
  (void)argument;
  sandbox_forbid(calls, 2, EACCES);
  return disappointed(NULL);
}

static int killed_at_execve(void *argument) {
  static const long calls[] = {SYS_execve, SYS_execveat};
  (void)argument;
  sandbox_forbid(calls, 2, 0);
  return disappointed(NULL);
}

static void host_may_not_execute(void) {
  demand_arrange("issue");
  demand_in_child(without_execve);
  demand_in_child(killed_at_execve);
  must(demand_starts() == 0);
}

/* --- other threads --- */

static void *sign_then_let_go(void *argument) {
  (void)argument;
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_OK, demand_open("db", &session));
  CK_OBJECT_HANDLE key = host_find(host, session, CKO_PRIVATE_KEY);
  for (int i = 0; i < 2000 && demand_starts() == 0; i++)
    usleep(5000);
  must(demand_starts() == 1);
  for (int i = 0; i < 20; i++) { /* while the other thread is waiting for keyguardctl, which waits for us */
    host_sign_checked(host, session, key, host->identities[1].key);
    CK_SLOT_INFO info;
    must_be(CKR_OK, host->p11->C_GetSlotInfo(host_slot(host, "web"), &info));
  }
  free(kg_softhsm_write(host->softhsm, "go", "", 0600));
  return NULL;
}

static int two_threads(void *argument) {
  (void)argument;
  host_start(host);
  pthread_t thread;
  must(pthread_create(&thread, NULL, sign_then_let_go, NULL) == 0);
  (void)demand_opens_and_signs();
  must(pthread_join(thread, NULL) == 0);
  return 0;
}

static void other_threads_go_on(void) {
  demand_arrange("wait");
  demand_in_child(two_threads);
}

enum { THREADS = 8 };
static atomic_int waiting;

static void *open_one(void *argument) {
  (void)argument;
  atomic_fetch_add(&waiting, 1);
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_OK, demand_open("web", &session));
  return NULL;
}

static int crowd(void *argument) {
  (void)argument;
  host_start(host);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    must(pthread_create(&threads[i], NULL, open_one, NULL) == 0);
  for (int i = 0; i < 2000 && (atomic_load(&waiting) < THREADS || demand_starts() == 0); i++)
    usleep(5000);
  free(kg_softhsm_write(host->softhsm, "go", "", 0600));
  for (int i = 0; i < THREADS; i++)
    must(pthread_join(threads[i], NULL) == 0);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  return 0;
}

static void many_threads_start_one(void) {
  demand_arrange("wait");
  demand_in_child(crowd);
  must(demand_starts() == 1);
}

/* --- rights, and programs by name --- */

static int run_copy(const char *copy) {
  pid_t child = fork();
  must(child >= 0);
  if (child == 0) {
    alarm(60);
    execl(copy, copy, "--open", (char *)NULL);
    _exit(126);
  }
  int status = -1;
  must(waitpid(child, &status, 0) == child && WIFEXITED(status));
  return WEXITSTATUS(status);
}

/* What a copy of this program does. 0: a session; 10: no token; 11: no slot; 12: the module cannot be loaded. */
static int open_as_copy(void) {
  static struct host copy;
  int fd = open(KG_ON_DEMAND_MODULE, O_RDONLY | O_CLOEXEC); /* access(2) would ask for the real user */
  if (fd < 0) return 12;
  close(fd);
  host = &copy;
  demand_load();
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  CK_ULONG number = 4;
  CK_SLOT_ID slots[4];
  must_be(CKR_OK, host->p11->C_GetSlotList(CK_FALSE, slots, &number));
  if (number == 0) return 11;
  CK_SESSION_HANDLE session = 0;
  CK_RV rv = host->p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session);
  return rv == CKR_OK ? 0 : rv == CKR_TOKEN_NOT_PRESENT ? 10 : 13;
}

static void keyguardctl_does_not_start_itself(void) {
  demand_arrange("lie");
  demand_copy_self(demand_path("other-name"));
  must(run_copy(demand_path("other-name")) == 10);
  must(demand_starts() >= 1);
  unlink(demand_path("fake.report"));
  demand_copy_self(demand_path("keyguardctl"));
  must(run_copy(demand_path("keyguardctl")) == 10);
  must(demand_starts() == 0);
}

static int with_another_effective_user(void *argument) {
  (void)argument;
  host_start(host);
  CK_SLOT_ID slot = host_slot(host, "web");
  must(chmod(host->softhsm->folder, 0755) == 0 && seteuid(65534) == 0);
  sandbox_forbid_children();
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_TOKEN_NOT_PRESENT, host->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
  return 0;
}

/* The module of this test has its built-in configuration in the build folder: a set-uid program reads no other. */
static void write_built_in(void) {
  (void)mkdir(KG_BUILT_IN, 0755);
  (void)mkdir(KG_BUILT_IN "/keyguard", 0755);
  FILE *file = fopen(KG_BUILT_IN "/keyguard/keyguard.conf", "w");
  must(file != NULL);
  char text[1024];
  snprintf(text, sizeof text,
           "[keyguard]\nstate-dir = " KG_BUILT_IN "/keyguard/state\nprovision-on-demand = true\n[identity web]\n"
           "key-store = pkcs11:token=t;object=o?module-path=/usr/lib/none.so\nmtls-proof-of-possession = true\n");
  must(fputs(text, file) >= 0 && fclose(file) == 0);
  file = fopen(KG_BUILT_IN "/keyguard/fake.mode", "w");
  must(file != NULL && fputs("lie", file) >= 0 && fclose(file) == 0);
  unlink(KG_BUILT_IN "/keyguard/fake.report");
}

static void raised_rights_start_nothing(void) {
  const char *copy = demand_path("set-uid");
  if (geteuid() != 0) {
    printf("skipped: only root can make a set-uid program for another user\n");
    return;
  }
  demand_arrange("lie");
  demand_in_child(with_another_effective_user);
  must(demand_starts() == 0);
  write_built_in();
  demand_copy_self(copy);
  unsetenv("KEYGUARD_CONF");
  must(run_copy(copy) == 10);
  must(unlink(KG_BUILT_IN "/keyguard/fake.report") == 0); /* an ordinary program was served */
  must(chown(copy, 65534, 65534) == 0 && chmod(copy, 04755) == 0);
  must(chmod(host->softhsm->folder, 0755) == 0);
  int status = run_copy(copy);
  setenv("KEYGUARD_CONF", host->configuration, 1);
  if (status == 12)
    printf("skipped: another user cannot read the build folder\n");
  else
    must(status == 10);
  must(access(KG_BUILT_IN "/keyguard/fake.report", F_OK) != 0);
}

static const struct host_case cases[] = {
    {"/on_demand/session_opens_after_provisioning", session_opens_after_provisioning},
    {"/on_demand/an_old_session_searches_after_provisioning", an_old_session_searches_after_provisioning},
    {"/on_demand/present_token_starts_nothing", present_token_starts_nothing},
    {"/on_demand/off_by_default", off_by_default},
    {"/on_demand/looking_starts_nothing", looking_starts_nothing},
    {"/on_demand/nothing_is_inherited", nothing_is_inherited},
    {"/on_demand/closed_standard_descriptors_do_not_matter", closed_standard_descriptors_do_not_matter},
    {"/on_demand/host_may_ignore_its_children", host_may_ignore_its_children},
    {"/on_demand/host_may_reap_what_it_does_not_know", host_may_reap_what_it_does_not_know},
    {"/on_demand/exit_status_decides_nothing", exit_status_decides_nothing},
    {"/on_demand/failure_is_remembered", failure_is_remembered},
    {"/on_demand/what_passes_is_not_remembered", what_passes_is_not_remembered},
    {"/on_demand/host_may_not_execute", host_may_not_execute},
    {"/on_demand/other_threads_go_on", other_threads_go_on},
    {"/on_demand/many_threads_start_one", many_threads_start_one},
    {"/on_demand/keyguardctl_does_not_start_itself", keyguardctl_does_not_start_itself},
    {"/on_demand/raised_rights_start_nothing", raised_rights_start_nothing},
    {"/on_demand/hanging_one_is_ended", hanging_one_is_ended},
};

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "--open") == 0) _exit(open_as_copy()); /* a set-uid one cannot look for leaks */
  if (!sandbox_is_possible()) {
    printf("skipped: no system call filters here\n");
    return 77;
  }
  host = host_new();
  (void)host_add(host, "db");
  unlink(host_add(host, "new")->binding);
  host->extra = "provision-on-demand = true\n";
  host_configure(host);
  must(mkdir(demand_path("prepared"), 0755) == 0);
  demand_load();
  int status = host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);
  host_free(&host);
  return status;
}
