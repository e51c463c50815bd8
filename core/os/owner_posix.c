#include "core/os/owner_posix.h"

#include "core/base/buf.h"
#include "core/base/log.h"

#include <errno.h>
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
  return S_ISREG(file.st_mode) && file.st_uid != geteuid();
}
