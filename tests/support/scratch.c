#define _GNU_SOURCE /* nftw, setgroups */
#include "tests/support/scratch.h"

#include "tests/support/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534

static char folder[64];

int scratch_setup(void **state) {
  (void)state;
  strcpy(folder, "/tmp/keyguard-unit-XXXXXX");
  return mkdtemp(folder) != NULL && chmod(folder, 0755) == 0 ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *stat, int type, struct FTW *ftw) {
  (void)stat, (void)type, (void)ftw;
  return remove(path);
}

int scratch_teardown(void **state) {
  (void)state;
  return nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_folder(void) {
  return folder;
}

const char *scratch_path(const char *name) {
  static char paths[16][256];
  static unsigned next;
  char *path = paths[next++ % 16];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

const char *scratch_write(const char *name, const char *text, mode_t mode) {
  const char *path = scratch_path(name);
  unlink(path);
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  assert_true(fd >= 0);
  assert_int_equal(write(fd, text, strlen(text)), strlen(text));
  assert_int_equal(fchmod(fd, mode), 0);
  assert_int_equal(close(fd), 0);
  return path;
}

const char *scratch_mkdir(const char *name, mode_t mode) {
  const char *path = scratch_path(name);
  assert_int_equal(mkdir(path, 0700), 0);
  assert_int_equal(chmod(path, mode), 0);
  return path;
}

int scratch_count(const char *path) {
  DIR *opened = opendir(path);
  assert_non_null(opened);
  int count = -2;
  while (readdir(opened) != NULL)
    count++;
  closedir(opened);
  return count;
}

char *scratch_read(const char *path) {
  FILE *file = fopen(path, "re");
  char *text = calloc(1, 1 << 20);
  assert_non_null(file);
  assert_non_null(text);
  assert_true(fread(text, 1, (1 << 20) - 1, file) < (1 << 20) - 1);
  fclose(file);
  return text;
}

int scratch_as_nobody(int (*function)(const char *argument), const char *argument) {
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    if (setgroups(0, NULL) != 0 || setgid(NOBODY) != 0 || setuid(NOBODY) != 0) _exit(255);
    _exit(function(argument));
  }
  int status = 0;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}
