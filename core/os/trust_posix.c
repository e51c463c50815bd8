#define _GNU_SOURCE /* O_PATH: a folder may be searchable without being readable */
#include "core/os/trust_posix.h"

#include "core/os/errno_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel's own limit, path_resolution(7) */

struct walk {
  enum kg_file_trust trust;
  int folder;          /* where we are */
  struct stat stat;    /* of `folder` */
  char at[PATH_MAX];   /* the same as text, without symbolic links; "" is the root */
  char rest[PATH_MAX]; /* what is still to go */
  char leaf[NAME_MAX + 1];
  unsigned links;
  long unmapped; /* the user whom files of others seem to belong to here; -1: nobody */
  struct kg_error *error;
};

static enum kg_status refuse(struct walk *walk, const char *name, const struct stat *stat, const char *reason,
                             const char *cure) {
  return kg_error_set(walk->error, KG_E_UNTRUSTED, "'%s%s%s' %s (owner %ld, mode %04o)%s%s", walk->at, *name ? "/" : "",
                      *name || walk->at[0] ? name : "/", reason, (long)stat->st_uid, (unsigned)stat->st_mode & 07777,
                      *cure ? ": " : "", cure);
}

static enum kg_status refuse_owner(struct walk *walk, const char *name, const struct stat *stat) {
  static const char shared[] = "chown it to root, and let the group of whom it is for read it (mode 0640)";
  char cure[64] = "chown it to root";
  if (geteuid() != 0) snprintf(cure, sizeof cure, "chown it to root or to user %ld", (long)geteuid());
  bool secret = geteuid() == 0 && walk->trust == KG_TRUST_GRANTED && S_ISREG(stat->st_mode);
  return refuse(walk, name, stat, "belongs to somebody else", secret ? shared : cure);
}

static enum kg_status refuse_writers(struct walk *walk, const char *name, const struct stat *stat) {
  return refuse(walk, name, stat, "may be written by others", "chmod go-w it");
}

static bool is_shared_folder(const struct stat *stat) {
  return (stat->st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

static bool read_line(const char *path, char text[64]) {
  int fd = kg_errno_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  ssize_t length = fd >= 0 ? read(fd, text, 63) : -1;
  if (fd >= 0) close(fd);
  text[length > 0 ? length : 0] = '\0';
  return length >= 0; /* a map that nobody wrote yet is empty, and knows nobody */
}

/* In a user namespace that does not know every user, the files of all whom it does not know seem to be of one, who may
 * be the one that we seem to be (user_namespaces(7), "Unmapped user and group IDs"). */
static long find_unmapped_user(void) {
  char text[64], *end = text;
  if (!read_line("/proc/self/uid_map", text)) return -1; /* a system without namespaces */
  unsigned long inside = strtoul(text, &end, 10), outside = strtoul(end, &end, 10), count = strtoul(end, &end, 10);
  if (inside == 0 && outside == 0 && count == UINT32_MAX) return -1;
  return read_line("/proc/sys/kernel/overflowuid", text) ? strtol(text, NULL, 10) : 65534;
}

/* Owned by somebody we believe. In a sticky folder anybody may put things, so there it must be somebody we know even
 * where any owner would do. */
static bool is_owner_trusted(const struct walk *walk, const struct stat *stat) {
  bool known = (long)stat->st_uid != walk->unmapped;
  if (stat->st_uid == 0 || (known && stat->st_uid == geteuid())) return true;
  if (walk->trust != KG_TRUST_SHARED) return false;
  return !is_shared_folder(&walk->stat) || (known && stat->st_uid == walk->stat.st_uid);
}

static enum kg_status check_folder(struct walk *walk, const char *name, const struct stat *stat) {
  if (!is_owner_trusted(walk, stat)) return refuse_owner(walk, name, stat);
  if (is_shared_folder(stat) && !(stat->st_mode & S_ISVTX)) return refuse_writers(walk, name, stat);
  return KG_OK;
}

static enum kg_status check_file(struct walk *walk, const char *name, const struct stat *stat) {
  if (!S_ISREG(stat->st_mode)) return refuse(walk, name, stat, "is not a regular file", "");
  if (!is_owner_trusted(walk, stat)) return refuse_owner(walk, name, stat);
  if (stat->st_mode & (S_IWGRP | S_IWOTH)) return refuse_writers(walk, name, stat);
  if (walk->trust < KG_TRUST_GRANTED) return KG_OK;
  if (stat->st_mode & S_IRWXO) return refuse(walk, name, stat, "may be read by others", "chmod o= it");
  if (!(stat->st_mode & S_IRWXG) || (walk->trust == KG_TRUST_GRANTED && stat->st_uid == 0)) return KG_OK;
  if (walk->trust != KG_TRUST_GRANTED) return refuse(walk, name, stat, "may be read by others", "chmod go= it");
  return refuse(walk, name, stat, "may be read by its group and is not root's", "chmod g= it, or chown it to root");
}

static enum kg_status fail(struct walk *walk, int number, const char *name) {
  char path[PATH_MAX + NAME_MAX + 2];
  snprintf(path, sizeof path, "%s/%s", walk->at, name);
  return kg_errno_report(number, "open", path, walk->error);
}

/* Makes `folder` the place to go on from; takes the descriptor. */
static void enter(struct walk *walk, int folder, const struct stat *stat, const char *name) {
  size_t length = strlen(walk->at);
  if (walk->folder >= 0) close(walk->folder);
  walk->folder = folder;
  walk->stat = *stat;
  if (strcmp(name, "..") == 0) {
    char *slash = strrchr(walk->at, '/');
    if (slash != NULL) *slash = '\0';
  } else if (*name) {
    snprintf(walk->at + length, sizeof walk->at - length, "/%s", name);
  }
}

static enum kg_status enter_root(struct walk *walk) {
  int folder = kg_errno_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  walk->at[0] = '\0';
  if (folder < 0) return fail(walk, errno, "");
  struct stat stat;
  if (fstat(folder, &stat) != 0) {
    int number = errno;
    close(folder);
    return fail(walk, number, "");
  }
  enter(walk, folder, &stat, "");
  return check_folder(walk, "", &stat);
}

/* Puts the link's target before what is still to go. */
static enum kg_status follow(struct walk *walk, int link, const struct stat *stat, const char *name) {
  if (!is_owner_trusted(walk, stat))
    return refuse(walk, name, stat, "is a link of somebody else's", "make it anew as root");
  char target[PATH_MAX];
  ssize_t length = readlinkat(link, "", target, sizeof target);
  if (length < 0) return fail(walk, errno, name);
  if (++walk->links > LINKS_MAX) return fail(walk, ELOOP, name);
  /* The rest begins with its slash, or is empty: a link at the end of the path is no folder. */
  char rest[PATH_MAX];
  if ((size_t)length + strlen(walk->rest) >= sizeof rest) return fail(walk, ENAMETOOLONG, name);
  memcpy(rest, target, (size_t)length);
  memcpy(rest + length, walk->rest, strlen(walk->rest) + 1);
  memcpy(walk->rest, rest, strlen(rest) + 1);
  return target[0] == '/' ? enter_root(walk) : KG_OK;
}

/* Cuts the next name off walk->rest; "" at the end. */
static enum kg_status next_name(struct walk *walk, char name[NAME_MAX + 1]) {
  const char *start = walk->rest + strspn(walk->rest, "/");
  size_t length = strcspn(start, "/");
  if (length > NAME_MAX) return fail(walk, ENAMETOOLONG, "");
  memcpy(name, start, length);
  name[length] = '\0';
  memmove(walk->rest, start + length, strlen(start + length) + 1);
  return KG_OK;
}

/* One name: into a folder, along a link, or, at the end of the path, to the leaf (`walk->leaf`). */
static enum kg_status step(struct walk *walk, const char *name) {
  int fd = kg_errno_openat(walk->folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return fail(walk, errno, name);
  enum kg_status status;
  struct stat stat;
  if (fstat(fd, &stat) != 0) {
    status = fail(walk, errno, name);
  } else if (S_ISDIR(stat.st_mode)) {
    status = check_folder(walk, strcmp(name, "..") == 0 ? "" : name, &stat);
    if (status == KG_OK) {
      enter(walk, fd, &stat, name);
      return KG_OK;
    }
  } else if (S_ISLNK(stat.st_mode)) {
    status = follow(walk, fd, &stat, name);
  } else if (walk->rest[0]) {
    status = fail(walk, ENOTDIR, name);
  } else {
    memcpy(walk->leaf, name, strlen(name) + 1);
    status = check_file(walk, name, &stat);
  }
  close(fd);
  return status;
}

static enum kg_status walk_path(struct walk *walk) {
  char name[NAME_MAX + 1] = "";
  enum kg_status status = enter_root(walk);
  while (status == KG_OK && !walk->leaf[0]) {
    status = next_name(walk, name);
    if (status != KG_OK || !name[0]) break;
    if (strcmp(name, ".") != 0) status = step(walk, name);
  }
  return status;
}

/* The leaf once more, now to be read, and the checks once more on what was really opened. */
static enum kg_status open_leaf(struct walk *walk, int *fd) {
  int opened = kg_errno_openat(walk->folder, walk->leaf, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (opened < 0) return fail(walk, errno, walk->leaf);
  struct stat stat;
  enum kg_status status =
      fstat(opened, &stat) != 0 ? fail(walk, errno, walk->leaf) : check_file(walk, walk->leaf, &stat);
  if (status == KG_OK)
    *fd = opened;
  else
    close(opened);
  return status;
}

static enum kg_status start(struct walk *walk, const char *path) {
  size_t length = 0;
  if (path[0] != '/') {
    if (getcwd(walk->rest, sizeof walk->rest) == NULL) return kg_errno_report(errno, "open", path, walk->error);
    length = strlen(walk->rest);
    walk->rest[length++] = '/';
  }
  if (length + strlen(path) >= sizeof walk->rest) return kg_errno_report(ENAMETOOLONG, "open", path, walk->error);
  memcpy(walk->rest + length, path, strlen(path) + 1);
  return KG_OK;
}

enum kg_status kg_trust_open(const char *path, enum kg_file_trust trust, int *fd, struct kg_error *error) {
  struct walk walk;
  memset(&walk, 0, sizeof walk);
  walk.trust = trust;
  walk.folder = -1;
  walk.error = error;
  walk.unmapped = find_unmapped_user();
  enum kg_status status = start(&walk, path);
  if (status == KG_OK) status = walk_path(&walk);
  if (status == KG_OK && fd != NULL && !walk.leaf[0])
    status = refuse(&walk, "", &walk.stat, "is not a regular file", "");
  if (status == KG_OK && fd != NULL) status = open_leaf(&walk, fd);
  if (walk.folder >= 0) close(walk.folder);
  return status;
}
