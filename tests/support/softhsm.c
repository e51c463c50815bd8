#define _XOPEN_SOURCE 700 /* nftw */
#include "softhsm.h"

#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *const libraries[] = {"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm2.so",
                                        "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so"};

static void fail(const char *what) {
  fprintf(stderr, "SoftHSM2 fixture: %s\n", what);
  exit(1);
}

static const char *find_library(void) {
  for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++)
    if (access(libraries[i], R_OK) == 0) return libraries[i];
  printf("skipped: SoftHSM2 is not installed\n");
  exit(77);
}

static char *join(const char *folder, const char *name) {
  size_t size = strlen(folder) + strlen(name) + 2;
  char *path = malloc(size);
  if (path == NULL) fail("out of memory");
  snprintf(path, size, "%s/%s", folder, name);
  return path;
}

char *kg_softhsm_write(struct kg_softhsm *softhsm, const char *name, const char *text, unsigned mode) {
  char *path = join(softhsm->folder, name);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  size_t len = strlen(text);
  if (fd < 0 || write(fd, text, len) != (ssize_t)len || fchmod(fd, (mode_t)mode) != 0 || close(fd) != 0)
    fail("cannot write a file");
  return path;
}

/* reset_on_fork: SoftHSM 2.6 otherwise goes on with the parent's sessions and mutexes in a child. */
struct kg_softhsm *kg_softhsm_new(void) {
  char template[] = "/tmp/keyguard-softhsm-XXXXXX";
  struct kg_softhsm *softhsm = calloc(1, sizeof *softhsm);
  if (softhsm == NULL) fail("out of memory");
  softhsm->library = find_library();
  if (mkdtemp(template) == NULL) fail("mkdtemp");
  softhsm->folder = strdup(template);
  char *tokens = join(template, "tokens");
  if (mkdir(tokens, 0700) != 0) fail("mkdir");
  char text[512];
  snprintf(text, sizeof text,
           "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n"
           "library.reset_on_fork = true\n",
           tokens);
  char *path = kg_softhsm_write(softhsm, "softhsm2.conf", text, 0600);
  setenv("SOFTHSM2_CONF", path, 1);
  setenv("FAKE_TOKEN_LIBRARY", softhsm->library, 1);
  free(path);
  free(tokens);
  return softhsm;
}

static int remove_one(const char *path, const struct stat *stat, int flag, struct FTW *walk) {
  (void)stat;
  (void)flag;
  (void)walk;
  return remove(path);
}

void kg_softhsm_free(struct kg_softhsm **softhsm) {
  if (*softhsm == NULL) return;
  nftw((*softhsm)->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
  free((*softhsm)->folder);
  free(*softhsm);
  *softhsm = NULL;
  unsetenv("SOFTHSM2_CONF");
}

void kg_softhsm_add_token(struct kg_softhsm *softhsm, const char *label) {
  const char *const arguments[] = {"softhsm2-util", "--init-token", "--free",   "--label",  label,
                                   "--pin",         KG_SOFTHSM_PIN, "--so-pin", "12345678", NULL};
  (void)softhsm;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child;
  if (posix_spawnp(&child, arguments[0], &actions, NULL, (char *const *)arguments, environ) != 0)
    fail("cannot start softhsm2-util");
  posix_spawn_file_actions_destroy(&actions);
  int status = -1;
  if (waitpid(child, &status, 0) != child || status != 0) fail("softhsm2-util --init-token failed");
}

char *kg_softhsm_uri(struct kg_softhsm *softhsm, const char *library, const char *token, const char *object) {
  char *pin = kg_softhsm_write(softhsm, "pin", KG_SOFTHSM_PIN "\n", 0600), *uri = malloc(1024);
  if (uri == NULL) fail("out of memory");
  snprintf(uri, 1024, "pkcs11:token=%s;object=%s?module-path=%s&pin-source=file:%s", token, object,
           library != NULL ? library : softhsm->library, pin);
  free(pin);
  return uri;
}
