/* Where we are not wanted: whatever is wrong with configuration and rights, initialising is fine, there is no slot or
 * no token, and nothing is written to anybody's output. */
#define _GNU_SOURCE /* setgroups */
#include "host.h"

#include <fcntl.h>
#include <grp.h>
#include <p11-kit/p11-kit.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct host *host;
static char output[512];

/* What may be wrong; each leaves KEYGUARD_CONF as it wants it. */
static void no_file(void) {
  setenv("KEYGUARD_CONF", "/nonexistent/keyguard.conf", 1);
}
static void unreadable(void) {
  must(chmod(host->configuration, 0) == 0);
}
static void malformed(void) {
  free(kg_softhsm_write(host->softhsm, "keyguard.conf", "[keyguard\nstate-dir\n=\n[identity ???]\n", 0644));
}
static void unknown_key(void) {
  free(kg_softhsm_write(host->softhsm, "keyguard.conf", "[keyguard]\nlog-levle = debug\n", 0644));
}
static void writable_by_all(void) {
  must(chmod(host->configuration, 0666) == 0);
}
static void a_folder(void) {
  setenv("KEYGUARD_CONF", host->softhsm->folder, 1);
}
static void a_fifo(void) {
  must(unlink(host->configuration) == 0 && mkfifo(host->configuration, 0644) == 0);
}
static void empty_name(void) {
  setenv("KEYGUARD_CONF", "", 1);
}
static void state_missing(void) {
  must(rename(host->state, host->softhsm->folder) != 0 && unlink(host->identities[0].binding) == 0);
  must(rmdir(host->state) == 0);
}
static void damaged_binding(void) {
  FILE *file = fopen(host->identities[0].binding, "w");
  must(file != NULL && fputs("{\"version\":99", file) > 0 && fclose(file) == 0);
}

/* Who asks. */
static void as_we_are(void) {}
static void as_nobody(void) {
  if (geteuid() == 0) must(setgroups(0, NULL) == 0 && setgid(65534) == 0 && setuid(65534) == 0);
}
static void without_home(void) {
  unsetenv("HOME");
  unsetenv("USER");
}

static void use(const CK_FUNCTION_LIST *list) {
  CK_SLOT_ID slots[8];
  CK_ULONG count = 8;
  must_be(CKR_OK, list->C_GetSlotList(CK_FALSE, slots, &count));
  must(count <= 1);
  for (CK_ULONG i = 0; i < count; i++) {
    CK_SLOT_INFO slot;
    must_be(CKR_OK, list->C_GetSlotInfo(slots[i], &slot));
    CK_RV rv = slot.flags & CKF_TOKEN_PRESENT ? CKR_OK : CKR_TOKEN_NOT_PRESENT;
    CK_TOKEN_INFO token;
    must_be(rv, list->C_GetTokenInfo(slots[i], &token));
    CK_MECHANISM_TYPE mechanisms[32];
    CK_ULONG many = 32;
    must_be(rv, list->C_GetMechanismList(slots[i], mechanisms, &many));
    CK_SESSION_HANDLE session = 0;
    must_be(rv, list->C_OpenSession(slots[i], CKF_SERIAL_SESSION, NULL, NULL, &session));
  }
}

/* As every program that uses p11-kit does. */
static void use_by_p11_kit(void) {
  CK_FUNCTION_LIST *list = p11_kit_module_load(host_module(), 0);
  must(list != NULL);
  must_be(CKR_OK, p11_kit_module_initialize(list));
  use(list);
  must_be(CKR_OK, p11_kit_module_finalize(list));
  p11_kit_module_release(list);
}

struct situation {
  void (*fault)(void), (*who)(void);
  bool p11_kit;
};

static int child(void *argument) {
  const struct situation *situation = argument;
  int fd = open(output, O_WRONLY | O_CREAT | O_TRUNC, 0600), errors = dup(2);
  must(fd >= 0 && errors >= 0 && dup2(fd, 1) == 1 && dup2(fd, 2) == 2);
  situation->who();
  if (situation->p11_kit) {
    use_by_p11_kit();
    return 0;
  }
  host_load(host);
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  use((CK_FUNCTION_LIST *)(void *)host->p11);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  return 0;
}

static void must_be_silent(void (*fault)(void), bool p11_kit) {
  static void (*const whos[])(void) = {as_we_are, as_nobody, without_home};
  host = host_new();
  fault();
  must(snprintf(output, sizeof output, "%s/output", host->softhsm->folder) > 0);
  struct stat info;
  for (int i = 0; i < 3; i++) {
    struct situation situation = {fault, whos[i], p11_kit};
    int status = host_fork(child, &situation);
    must(stat(output, &info) == 0);
    if (info.st_size) host_fail(host_read(output), i, "was written", (unsigned long)info.st_size);
    if (status) host_fail("child", i, "exit status", (unsigned long)status);
  }
  host_free(&host);
}

#define SILENT(name)                                                                                                   \
  static void test_##name(void) {                                                                                      \
    must_be_silent(name, false);                                                                                       \
    must_be_silent(name, true);                                                                                        \
  }
SILENT(no_file)
SILENT(unreadable)
SILENT(malformed)
SILENT(unknown_key)
SILENT(writable_by_all)
SILENT(a_folder)
SILENT(a_fifo)
SILENT(empty_name)
SILENT(state_missing)
SILENT(damaged_binding)

static const struct host_case cases[] = {
    {"/silence/no_file", test_no_file},
    {"/silence/unreadable", test_unreadable},
    {"/silence/malformed", test_malformed},
    {"/silence/unknown_key", test_unknown_key},
    {"/silence/writable_by_all", test_writable_by_all},
    {"/silence/a_folder", test_a_folder},
    {"/silence/a_fifo", test_a_fifo},
    {"/silence/empty_name", test_empty_name},
    {"/silence/state_missing", test_state_missing},
    {"/silence/damaged_binding", test_damaged_binding},
};

int main(int argc, char **argv) {
  host_share_module();
  int status = host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);
  host_unshare_module();
  return status;
}
