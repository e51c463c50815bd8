/* What is not the folder's owner's in the state folder: root's, from when the folder was, or from an earlier release.
 */
#include "core/os/owner_posix.h"
#include "ctl/doctor.h"

bool kg_doctor_finds_strays(struct kg_doctor *doctor, const char *folder) {
  struct kg_owner_stray stray;
  if (!kg_owner_find_strays(folder, &stray)) return false;
  char subject[200];
  snprintf(subject, sizeof subject, "%ld:%ld '%s'", (long)stray.folder, (long)stray.group, folder);
  doctor->subject = subject;
  kg_doctor_warn(doctor, "state folder", KG_CURE_STATE_STRAYS,
                 "%s is user %ld's, and %zu of what is in it not, which may stand in the way: '%s' belongs to user %ld",
                 folder, (long)stray.folder, stray.count, stray.name, (long)stray.file);
  doctor->subject = NULL;
  return true;
}
