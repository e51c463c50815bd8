#define _GNU_SOURCE /* F_OFD_SETLK: a lock of the open file, not of the process (fcntl(2)) */
#include "core/os/errno_posix.h"
#include "core/os/lock.h"
#include "core/os/owner_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_MS 50
#define HOLDER_SIZE 24 /* a process id and a line end */

struct kg_lock {
  int fd;
};

static enum kg_status report_denied(const char *path, struct kg_error *error) {
  uid_t owner = 0;
  /* root's, in a folder of ours: an earlier release, or a root without the right to give it away, left it there. */
  if (kg_owner_is_foreign(path, &owner))
    return kg_error_set_code(error, KG_E_ACCESS, EACCES,
                             "cannot open lock '%s': it belongs to user %ld, and its folder to user %ld: as root, "
                             "chown %ld '%s'",
                             path, (long)owner, (long)geteuid(), (long)geteuid(), path);
  if (kg_owner_of_folder(path, &owner) && owner != geteuid())
    return kg_error_set_code(error, KG_E_ACCESS, EACCES,
                             "cannot open lock '%s': its folder belongs to user %ld, and this is user %ld: run this as "
                             "that user, who provisions, or give the folder to this one",
                             path, (long)owner, (long)geteuid());
  return kg_errno_report(EACCES, "open lock", path, error);
}

static enum kg_status report_open(int number, const char *path, struct kg_error *error) {
  return number == EACCES ? report_denied(path, error) : kg_errno_report(number, "open lock", path, error);
}

/* Nothing longer than a holder's number is a lock of ours, and nothing else is given away. */
static enum kg_status open_file(const char *path, int *fd, struct kg_error *error) {
  int opened = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0600);
  if (opened < 0) return report_open(errno, path, error);
  struct stat stat;
  if (fstat(opened, &stat) != 0 || !S_ISREG(stat.st_mode)) {
    close(opened);
    return kg_error_set(error, KG_E_UNTRUSTED, "lock '%s' is not a regular file", path);
  }
  if (stat.st_size < HOLDER_SIZE) kg_owner_inherit(opened, path);
  *fd = opened;
  return KG_OK;
}

/* 0, or errno: EAGAIN and EACCES mean that somebody else has it. */
static int try_lock(int fd) {
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  while (fcntl(fd, F_OFD_SETLK, &whole) != 0)
    if (errno != EINTR) return errno;
  return 0;
}

static int wait_for_lock(int fd, int64_t timeout_ms, const struct kg_clock *clock) {
  int64_t start = clock->elapsed_ms(clock->context), left;
  int number;
  for (;;) {
    number = try_lock(fd);
    if (number != EAGAIN && number != EACCES) return number;
    left = timeout_ms - (clock->elapsed_ms(clock->context) - start);
    if (left <= 0) return EAGAIN;
    clock->sleep_ms(clock->context, left < POLL_MS ? left : POLL_MS);
  }
}

/* For the message of those who wait in vain; a failure here costs nothing but that. */
static void write_holder(int fd, long pid) {
  char text[HOLDER_SIZE];
  int length = snprintf(text, sizeof text, "%ld\n", pid);
  if (ftruncate(fd, 0) != 0) return;
  if (pid && pwrite(fd, text, (size_t)length, 0) != length) return;
}

static enum kg_status report_busy(int fd, const char *path, struct kg_error *error) {
  char text[HOLDER_SIZE] = "";
  ssize_t length = pread(fd, text, sizeof text - 1, 0);
  long pid = length > 0 ? strtol(text, NULL, 10) : 0;
  if (pid <= 0) return kg_error_set(error, KG_E_LOCK_BUSY, "'%s' is locked by another process", path);
  return kg_error_set(error, KG_E_LOCK_BUSY, "'%s' is locked by process %ld", path, pid);
}

enum kg_status kg_lock_acquire(const char *path, int64_t timeout_ms, const struct kg_clock *clock, struct kg_lock **out,
                               struct kg_error *error) {
  *out = NULL;
  int fd = -1;
  enum kg_status status = open_file(path, &fd, error);
  if (status != KG_OK) return status;
  int number = wait_for_lock(fd, timeout_ms, clock);
  struct kg_lock *lock = NULL;
  if (number == EAGAIN)
    status = report_busy(fd, path, error);
  else if (number)
    status = kg_errno_report(number, "lock", path, error);
  else if ((lock = malloc(sizeof *lock)) == NULL)
    status = kg_error_no_memory(error, "to lock '%s'", path);
  if (status != KG_OK) {
    close(fd);
    return status;
  }
  write_holder(fd, (long)getpid());
  lock->fd = fd;
  *out = lock;
  return KG_OK;
}

enum kg_status kg_lock_check(const char *path, struct kg_error *error) {
  int fd = kg_errno_openat(AT_FDCWD, path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT ? KG_OK : report_open(errno, path, error);
  struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  struct stat stat;
  enum kg_status status = KG_OK;
  if (fstat(fd, &stat) != 0 || !S_ISREG(stat.st_mode))
    status = kg_error_set(error, KG_E_UNTRUSTED, "lock '%s' is not a regular file", path);
  else if (fcntl(fd, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK)
    status = report_busy(fd, path, error);
  close(fd);
  return status;
}

void kg_lock_release(struct kg_lock **lock) {
  if (lock == NULL || *lock == NULL) return;
  write_holder((*lock)->fd, 0);
  close((*lock)->fd);
  free(*lock);
  *lock = NULL;
}
