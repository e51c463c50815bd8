#include "ctl/doctor.h"

#include "core/os/file.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define MODULE_NAME "keyguard-pkcs11.so"
#define MODULE_FILE_MAX 65536

/* Where p11-kit looks (pkcs11.conf(5)): its own folders, as it was built with. */
static const char *const folders[] = {"/etc/pkcs11/modules", KG_P11KIT_MODULES};

static bool file_names_module(const char *folder, const char *name, char *module, size_t size) {
  char *path = kg_file_join(folder, name, "");
  struct kg_buf text = {0};
  bool found = path != NULL && kg_file_read(path, MODULE_FILE_MAX, KG_TRUST_ANY, &text, NULL, NULL) == KG_OK &&
               kg_doctor_names_module((const char *)text.data, MODULE_NAME, module, size);
  kg_buf_clear(&text);
  free(path);
  return found;
}

static bool folder_names_module(const char *folder, char *module, size_t size) {
  DIR *open = opendir(folder);
  if (open == NULL) return false;
  bool found = false;
  for (struct dirent *entry = readdir(open); entry != NULL && !found; entry = readdir(open)) {
    size_t len = strlen(entry->d_name);
    if (len > 7 && strcmp(entry->d_name + len - 7, ".module") == 0)
      found = file_names_module(folder, entry->d_name, module, size);
  }
  closedir(open);
  return found;
}

void kg_doctor_check_p11kit(struct kg_doctor *doctor) {
  struct kg_file_id id;
  char module[512];
  for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
    if (!folder_names_module(folders[i], module, sizeof module)) continue;
    if (module[0] == '/' && kg_file_identify(module, &id) != KG_OK)
      kg_doctor_warn(doctor, "p11-kit", "install the module, or correct the .module file",
                     "%s names %s, which is not there", folders[i], module);
    else
      kg_doctor_ok(doctor, "p11-kit", "%s names %s", folders[i], module);
    return;
  }
  kg_doctor_warn(doctor, "p11-kit", "install keyguard.module into " KG_P11KIT_MODULES,
                 "no .module file names " MODULE_NAME ": GnuTLS programs and p11tool do not see it");
}
