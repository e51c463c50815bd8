#include "core/os/owner_posix.h"

#include "core/base/buf.h"
#include "core/base/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool stat_folder(const char *path, struct stat *found) {
  const char *slash = strrchr(path, '/');
  if (slash == NULL) return stat(".", found) == 0;
  char *folder = kg_strdup(path);
  if (folder == NULL) return false;
  folder[slash == path ? 1 : slash - path] = '\0';
  bool done = stat(folder, found) == 0;
  free(folder);
  return done;
}

/* A file with a second name may be root's for another reason: somebody linked it here to be given it. */
static bool may_be_given(const struct stat *file) {
  return file->st_uid == 0 && (S_ISDIR(file->st_mode) || (S_ISREG(file->st_mode) && file->st_nlink == 1));
}

void kg_owner_inherit(int fd, const char *path) {
  struct stat folder, file;
  if (geteuid() != 0 || !stat_folder(path, &folder) || folder.st_uid == 0) return;
  if (fstat(fd, &file) != 0 || !may_be_given(&file)) return;
  if (fchown(fd, folder.st_uid, folder.st_gid) != 0)
    kg_log(KG_LOG_WARN, "'%s' stays root's, and user %ld, whose folder it is in, may be unable to use it: %s", path,
           (long)folder.st_uid, strerror(errno));
}

bool kg_owner_is_foreign(const char *path, uid_t *owner) {
  struct stat folder, file;
  if (!stat_folder(path, &folder) || folder.st_uid != geteuid() || lstat(path, &file) != 0) return false;
  *owner = file.st_uid;
  return (S_ISREG(file.st_mode) || S_ISDIR(file.st_mode)) && file.st_uid != geteuid();
}

bool kg_owner_of_folder(const char *path, uid_t *owner) {
  struct stat folder;
  if (!stat_folder(path, &folder)) return false;
  *owner = folder.st_uid;
  return true;
}

static void look_at_entry(int folder, const char *name, struct kg_owner_stray *out) {
  struct stat file;
  if (strcmp(name, "..") == 0 || fstatat(folder, name, &file, AT_SYMLINK_NOFOLLOW) != 0 || file.st_uid == out->folder)
    return;
  if (out->count++ > 0) return;
  out->file = file.st_uid;
  snprintf(out->name, sizeof out->name, "%s", name);
}

bool kg_owner_find_strays(const char *folder, struct kg_owner_stray *out) {
  *out = (struct kg_owner_stray){0};
  struct stat found;
  DIR *entries = opendir(folder);
  if (entries == NULL) return false;
  if (fstat(dirfd(entries), &found) == 0 && found.st_uid != 0) {
    out->folder = found.st_uid;
    out->group = found.st_gid;
    for (struct dirent *entry = readdir(entries); entry != NULL; entry = readdir(entries))
      look_at_entry(dirfd(entries), entry->d_name, out);
  }
  closedir(entries);
  return out->count > 0;
}
