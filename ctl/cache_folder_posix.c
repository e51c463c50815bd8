#include "ctl/cache_folder.h"

#include "core/base/log.h"
#include "core/os/file.h"
#include "core/os/owner_posix.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MODE 0700

/* Made by somebody else it may be readable by them, or not writable by us. */
static bool is_ours(const char *path) {
  struct stat found;
  return lstat(path, &found) == 0 && S_ISDIR(found.st_mode) && found.st_uid == geteuid() &&
         (found.st_mode & (S_IRWXG | S_IRWXO)) == 0 && kg_file_check(path, KG_TRUST_OWNER, NULL) == KG_OK;
}

/* DIRECTORY/NAME, ours; frees `directory`. NULL: it cannot be. */
static char *make(char *directory, const char *name) {
  char *path = directory != NULL ? kg_file_join(directory, name, "") : NULL;
  free(directory);
  if (path != NULL && kg_file_make_directory(path, MODE, NULL) == KG_OK) return path;
  free(path);
  return NULL;
}

static char *cache_home(void) {
  const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
  if (cache != NULL && cache[0] == '/')
    return kg_strdup(cache); /* a relative one is to be ignored: XDG Base Directory 0.8 */
  return home != NULL && home[0] == '/' ? make(kg_strdup(home), ".cache") : NULL;
}

/* The state folder was root's when root made this one, and has become a service's since: root's next run gives it on,
 * and until then the service is told. What is in it is no loss: tokens are replaced, whoever wrote them. */
static void settle(const char *path) {
  uid_t owner = 0;
  int fd = geteuid() == 0 ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1;
  if (fd >= 0) {
    kg_owner_inherit(fd, path);
    close(fd);
  } else if (kg_owner_is_foreign(path, &owner)) {
    kg_log(KG_LOG_WARN, "no tokens are kept in '%s', which belongs to user %ld: as root, chown -R %ld '%s'", path,
           (long)owner, (long)geteuid(), path);
  }
}

char *kg_cache_folder(const char *state_dir) {
  char *path = make(kg_strdup(state_dir), "tokens");
  if (path != NULL) settle(path);
  if (path != NULL && is_ours(path)) return path;
  free(path);
  path = make(cache_home(), "keyguard");
  if (path != NULL && is_ours(path)) return path;
  kg_log(KG_LOG_WARN, "tokens are not kept: %s%s",
         path != NULL ? path : "neither the state folder nor XDG_CACHE_HOME or HOME",
         path != NULL ? " is readable by others, or another's" : " has room for them");
  free(path);
  return NULL;
}
