/* What root makes in a folder that is a service's must be the service's, which could not go on with it otherwise. */
#ifndef KG_CORE_OS_OWNER_POSIX_H
#define KG_CORE_OS_OWNER_POSIX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* As root: gives the open file of this path the owner and the group of the path's folder, where that is not root. A
 * file that was there before is given away only where it is a regular file of root's with one link. Where that cannot
 * be (a file system that has no owners, no right to) it stays as it is, with a warning. */
void kg_owner_inherit(int fd, const char *path);
/* Whether a file or folder of this path belongs to another than the folder it is in, which is ours; *owner is who that
 * is. */
bool kg_owner_is_foreign(const char *path, uid_t *owner);
bool kg_owner_of_folder(const char *path, uid_t *owner); /* of the one that the file is in */

struct kg_owner_stray {
  uid_t folder, file; /* whose each of them is */
  gid_t group;        /* the folder's */
  char name[256];
  size_t count; /* `name` is the first of so many */
};

/* Files and folders in `folder`, which is not root's, that are not its owner's. False: there are none, or it cannot be
 * read. */
bool kg_owner_find_strays(const char *folder, struct kg_owner_stray *out);

#endif
