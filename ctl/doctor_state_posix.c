/* What is not the folder's owner's in the state folder: root's, from when the folder was, or from an earlier release.
 */
#include "core/os/owner_posix.h"
#include "ctl/doctor.h"

bool kg_doctor_finds_strays(struct kg_doctor *doctor, const char *folder) {
  struct kg_owner_stray stray;
  if (!kg_owner_find_strays(folder, &stray)) return false;
  char cure[sizeof((struct kg_finding *)0)->cure];
  snprintf(cure, sizeof cure, "as root: chown -R %ld:%ld '%s'", (long)stray.folder, (long)stray.group, folder);
  kg_doctor_warn(doctor, "state folder", cure,
                 "%s is user %ld's, and %zu of what is in it not, which may stand in the way: '%s' belongs to user %ld",
                 folder, (long)stray.folder, stray.count, stray.name, (long)stray.file);
  return true;
}
