#include "ctl/doctor.h"

#include "core/os/file.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#define MODULE_NAME "keyguard-pkcs11.so"
#define MODULE_FILE_MAX 65536

struct search {
  struct kg_doctor *doctor;
  size_t found;
};

/* A name without a path is looked for in p11-kit's own folder of modules (pkcs11.conf(5)). */
static void check_module(struct search *search, const char *path, const char *module) {
  char *library = module[0] == '/' ? kg_strdup(module) : kg_file_join(KG_P11KIT_LIBRARIES, module, "");
  struct kg_error error = {0};
  enum kg_status status =
      library != NULL ? kg_file_check(library, KG_TRUST_ANY, &error) : kg_error_no_memory(&error, "for a path");
  if (status == KG_OK)
    kg_doctor_ok(search->doctor, "p11-kit", "%s names %s", path, library);
  else
    kg_doctor_warn(search->doctor, "p11-kit", KG_CURE_P11KIT_MODULE, "%s names a module that is not to be had: %s",
                   path, error.text);
  search->found++;
  free(library);
}

static void look_at_file(struct search *search, const char *folder, const char *name) {
  char *path = kg_file_join(folder, name, "");
  struct kg_buf text = {0};
  char module[512];
  if (path != NULL && kg_file_read(path, MODULE_FILE_MAX, KG_TRUST_ANY, &text, NULL, NULL) == KG_OK &&
      kg_doctor_names_module((const char *)text.data, MODULE_NAME, module, sizeof module))
    check_module(search, path, module);
  kg_buf_clear(&text);
  free(path);
}

static void look_in(struct search *search, const char *folder) {
  DIR *open = folder != NULL ? opendir(folder) : NULL;
  if (open == NULL) return;
  for (struct dirent *entry = readdir(open); entry != NULL; entry = readdir(open)) {
    size_t len = strlen(entry->d_name);
    if (len > 7 && strcmp(entry->d_name + len - 7, ".module") == 0) look_at_file(search, folder, entry->d_name);
  }
  closedir(open);
}

static char *user_folder(void) {
  const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
  if (config != NULL && config[0] == '/') return kg_file_join(config, "pkcs11/modules", "");
  return home != NULL ? kg_file_join(home, ".config/pkcs11/modules", "") : NULL;
}

/* Where p11-kit looks (pkcs11.conf(5)): the system's folders, as it was built with, and the user's. */
void kg_doctor_check_p11kit(struct kg_doctor *doctor) {
  struct search search = {.doctor = doctor};
  char *own = user_folder();
  look_in(&search, "/etc/pkcs11/modules");
  look_in(&search, KG_P11KIT_MODULES);
  look_in(&search, own);
  if (search.found == 0)
    kg_doctor_warn(doctor, "p11-kit", KG_CURE_P11KIT_NONE,
                   "no .module file in %s names %s: GnuTLS programs and p11tool do not see it", KG_P11KIT_MODULES,
                   MODULE_NAME);
  free(own);
}
