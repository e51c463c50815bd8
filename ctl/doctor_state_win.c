/* On Windows what is made in a folder has the folder's access list, whoever makes it. */
#include "ctl/doctor.h"

bool kg_doctor_finds_strays(struct kg_doctor *doctor, const char *folder) {
  (void)doctor, (void)folder;
  return false;
}
