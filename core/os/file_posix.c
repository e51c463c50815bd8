#define _GNU_SOURCE /* mkostemp: close-on-exec from the first moment */
#include "core/os/errno_posix.h"
#include "core/os/file.h"
#include "core/os/owner_posix.h"
#include "core/os/trust_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static void identify(const struct stat *stat, struct kg_file_id *id) {
  id->device = (uint64_t)stat->st_dev;
  id->inode = (uint64_t)stat->st_ino;
  id->size = (uint64_t)stat->st_size;
  id->mtime_ns = (int64_t)stat->st_mtim.tv_sec * 1000000000 + stat->st_mtim.tv_nsec;
}

static enum kg_status refuse_type(const char *path, struct kg_error *error) {
  return kg_error_set(error, KG_E_UNTRUSTED, "'%s' is not a regular file", path);
}

bool kg_file_failure_may_pass(const struct kg_error *error) {
  static const int passing[] = {EMFILE, ENFILE, EINTR, EIO, EAGAIN, EBUSY, ENOBUFS, ESTALE, ETIMEDOUT, ENXIO};
  if (error->status != KG_E_IO) return error->status == KG_E_NO_MEMORY;
  for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
    if (error->native_code == passing[i]) return true;
  return false;
}

/* Looks before it opens, because opening a device may already do something, and after, because names change. */
static enum kg_status open_any(const char *path, int *fd, struct kg_error *error) {
  struct stat stat_before;
  if (stat(path, &stat_before) != 0) return kg_errno_report(errno, "open", path, error);
  if (!S_ISREG(stat_before.st_mode)) return refuse_type(path, error);
  int opened = kg_errno_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (opened < 0) return kg_errno_report(errno, "open", path, error);
  struct stat stat_after;
  if (fstat(opened, &stat_after) != 0 || !S_ISREG(stat_after.st_mode)) {
    close(opened);
    return refuse_type(path, error);
  }
  *fd = opened;
  return KG_OK;
}

static enum kg_status read_all(int fd, const char *path, size_t cap, kg_file_take *take, void *user,
                               struct kg_error *error) {
  unsigned char chunk[8192];
  enum kg_status status = KG_OK;
  size_t left = cap;
  ssize_t got = 1;
  while (status == KG_OK && got != 0) {
    got = read(fd, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      status = kg_errno_report(errno, "read", path, error);
    } else if ((size_t)got > left) {
      status = kg_error_set(error, KG_E_IO, "'%s' is larger than %zu bytes", path, cap);
    } else {
      left -= (size_t)got;
      status = take(user, kg_span_of(chunk, (size_t)got));
      if (status != KG_OK) kg_error_no_memory(error, "to read '%s'", path);
    }
  }
  kg_wipe(chunk, sizeof chunk); /* a PIN file comes this way, too */
  return status;
}

enum kg_status kg_file_scan(const char *path, size_t cap, enum kg_file_trust trust, kg_file_take *take, void *user,
                            struct kg_file_id *id, struct kg_error *error) {
  int fd = -1;
  enum kg_status status = trust == KG_TRUST_ANY ? open_any(path, &fd, error) : kg_trust_open(path, trust, &fd, error);
  if (status != KG_OK) return status;
  struct stat stat;
  if (fstat(fd, &stat) != 0) status = kg_errno_report(errno, "examine", path, error);
  if (status == KG_OK) status = read_all(fd, path, cap, take, user, error);
  close(fd);
  if (status == KG_OK) identify(&stat, id);
  return status;
}

enum kg_status kg_file_check(const char *path, enum kg_file_trust trust, struct kg_error *error) {
  if (trust != KG_TRUST_ANY) return kg_trust_open(path, trust, NULL, error);
  struct stat found;
  return stat(path, &found) == 0 ? KG_OK : kg_errno_report(errno, "examine", path, error);
}

enum kg_status kg_file_identify(const char *path, struct kg_file_id *id) {
  memset(id, 0, sizeof *id);
  struct stat found;
  if (stat(path, &found) != 0) return kg_errno_report(errno, "examine", path, NULL);
  identify(&found, id);
  return KG_OK;
}

bool kg_file_is_read_only(const char *path) {
  struct statvfs found;
  return statvfs(path, &found) == 0 && (found.f_flag & ST_RDONLY) != 0;
}

static int write_all(int fd, struct kg_span contents) {
  while (contents.len) {
    ssize_t wrote = write(fd, contents.data, contents.len);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return -1;
    contents.data += wrote;
    contents.len -= (size_t)wrote;
  }
  return 0;
}

/* Closes `fd` in any case; a write may fail as late as that (NFS). Returns 0 or the errno. */
static int fill(int fd, const char *path, struct kg_span contents, unsigned mode) {
  int number = 0;
  kg_owner_inherit(fd, path);
  if (fchmod(fd, (mode_t)mode) != 0 || write_all(fd, contents) != 0 || fsync(fd) != 0) number = errno;
  if (close(fd) != 0 && number == 0) number = errno;
  return number;
}

/* The name's own durability. Some network file systems have no such call for folders and need none. Returns 0 or the
 * errno. */
static int sync_folder(const char *path) {
  char *folder = kg_strdup(path), *slash = folder != NULL ? strrchr(folder, '/') : NULL;
  if (folder == NULL) return ENOMEM;
  if (slash != NULL) slash[slash == folder ? 1 : 0] = '\0';
  int fd = open(slash != NULL ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  int number = 0;
  if (fd < 0 || fsync(fd) != 0) number = errno;
  if (fd >= 0) close(fd);
  free(folder);
  return number == EINVAL || number == ENOTSUP ? 0 : number;
}

enum kg_status kg_file_replace(const char *path, struct kg_span contents, unsigned mode, struct kg_error *error) {
  size_t size = strlen(path) + sizeof ".XXXXXX";
  char *temporary = malloc(size);
  if (temporary == NULL) return kg_error_no_memory(error, "to write '%s'", path);
  snprintf(temporary, size, "%s.XXXXXX", path);
  int fd = mkostemp(temporary, O_CLOEXEC);
  int number = 0;
  if (fd < 0) {
    number = errno;
  } else {
    number = fill(fd, path, contents, mode);
    if (number == 0 && rename(temporary, path) != 0) number = errno;
    if (number != 0) unlink(temporary);
    if (number == 0) number = sync_folder(path);
  }
  free(temporary);
  return number ? kg_errno_report(number, "write", path, error) : KG_OK;
}

/* The mode, which the umask has no say in, and the owner; by the descriptor, as the folder above may be another's. */
static enum kg_status settle_directory(const char *path, unsigned mode, struct kg_error *error) {
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  int number = fd < 0 || fchmod(fd, (mode_t)mode) != 0 ? errno : 0;
  if (number == 0) kg_owner_inherit(fd, path);
  if (fd >= 0) close(fd);
  return number ? kg_errno_report(number, "create", path, error) : KG_OK;
}

enum kg_status kg_file_make_directory(const char *path, unsigned mode, struct kg_error *error) {
  if (mkdir(path, 0700) == 0) return settle_directory(path, mode, error);
  if (errno != EEXIST) return kg_errno_report(errno, "create", path, error);
  struct stat found;
  if (stat(path, &found) != 0) return kg_errno_report(errno, "examine", path, error);
  return S_ISDIR(found.st_mode) ? KG_OK : kg_errno_report(ENOTDIR, "create", path, error);
}

bool kg_file_may_write_in(const char *directory) {
  return faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) == 0;
}

/* A file system that does not count its files says that it has room for none. */
static bool is_full(const struct statvfs *room, size_t bytes) {
  return room->f_bavail < bytes / (room->f_frsize > 0 ? room->f_frsize : 1) + 1 ||
         (room->f_files > 0 && room->f_favail == 0);
}

enum kg_status kg_file_check_room(const char *folder, size_t bytes, struct kg_error *error) {
  struct stat found;
  if (stat(folder, &found) != 0) return kg_errno_report(errno, "examine", folder, error);
  if (!S_ISDIR(found.st_mode)) return kg_errno_report(ENOTDIR, "write into", folder, error);
  if (!kg_file_may_write_in(folder)) return kg_errno_report(errno, "write into", folder, error);
  struct statvfs room;
  if (statvfs(folder, &room) != 0) return kg_errno_report(errno, "examine", folder, error);
  return is_full(&room, bytes) ? kg_errno_report(ENOSPC, "write into", folder, error) : KG_OK;
}

char *kg_file_join(const char *directory, const char *name, const char *suffix) {
  size_t length = strlen(directory);
  const char *slash = length && directory[length - 1] == '/' ? "" : "/";
  if (suffix == NULL) suffix = "";
  size_t size = length + strlen(name) + strlen(suffix) + 2;
  char *path = malloc(size);
  if (path != NULL) snprintf(path, size, "%s%s%s%s", directory, slash, name, suffix);
  return path;
}
