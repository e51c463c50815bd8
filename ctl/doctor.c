#include "ctl/doctor.h"

#include "core/os/file.h"
#include "core/os/path.h"
#include "ctl/environment.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_BYTES ((size_t)64 * 1024) /* a binding, a failure, a lock and what they are written to first */
#define GNUTLS_SLOTS 48                /* MAX_SLOTS of GnuTLS 3.7's lib/pkcs11.c: it takes no module with more tokens */

static struct kg_finding *make_room(struct kg_doctor *doctor) {
  static struct kg_finding lost;
  if (doctor->count == doctor->room) {
    size_t room = doctor->room > 0 ? 2 * doctor->room : 64;
    struct kg_finding *findings = realloc(doctor->findings, room * sizeof *findings);
    doctor->incomplete |= findings == NULL;
    if (findings == NULL) return &lost;
    doctor->findings = findings;
    doctor->room = room;
  }
  return &doctor->findings[doctor->count++];
}

/* What follows "keyguardctl provision" here. */
static void name_subject(const struct kg_doctor *doctor, char *out, size_t size) {
  const char *config = doctor->run->config_path;
  if (doctor->subject != NULL) {
    snprintf(out, size, "%s", doctor->subject);
    return;
  }
  snprintf(out, size, "%s%s%s%s", doctor->identity != NULL ? doctor->identity->name : "--all",
           config != NULL ? " --config " : "", config != NULL ? config : "", doctor->retry_forbidden ? " --force" : "");
}

static struct kg_finding *add(struct kg_doctor *doctor, enum kg_finding_level level, const char *check,
                              enum kg_cure cure) {
  struct kg_finding *finding = make_room(doctor);
  char subject[256];
  name_subject(doctor, subject, sizeof subject);
  *finding = (struct kg_finding){.level = level};
  snprintf(finding->check, sizeof finding->check, "%s", check);
  snprintf(finding->identity, sizeof finding->identity, "%s", doctor->identity != NULL ? doctor->identity->name : "");
  kg_cure_format(cure, subject, finding->cure, sizeof finding->cure);
  return finding;
}

void kg_doctor_ok(struct kg_doctor *doctor, const char *check, const char *format, ...) {
  struct kg_finding *finding = add(doctor, KG_FINDING_OK, check, KG_CURE_NONE);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(finding->symptom, sizeof finding->symptom, format, arguments);
  va_end(arguments);
}

void kg_doctor_skip(struct kg_doctor *doctor, const char *check, const char *format, ...) {
  struct kg_finding *finding = add(doctor, KG_FINDING_SKIP, check, KG_CURE_NONE);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(finding->symptom, sizeof finding->symptom, format, arguments);
  va_end(arguments);
}

void kg_doctor_warn(struct kg_doctor *doctor, const char *check, enum kg_cure cure, const char *format, ...) {
  struct kg_finding *finding = add(doctor, KG_FINDING_WARN, check, cure);
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(finding->symptom, sizeof finding->symptom, format, arguments);
  va_end(arguments);
}

static struct kg_finding *fail(struct kg_doctor *doctor, const char *check, enum kg_cure cure,
                               const struct kg_error *error) {
  struct kg_finding *finding =
      add(doctor, KG_FINDING_FAIL, check, cure != KG_CURE_NONE ? cure : kg_cure_of(error->status));
  finding->status = error->status;
  snprintf(finding->symptom, sizeof finding->symptom, "%s", error->text);
  return finding;
}

void kg_doctor_fail(struct kg_doctor *doctor, const char *check, enum kg_cure cure, const struct kg_error *error) {
  (void)fail(doctor, check, cure, error);
}

void kg_doctor_fail_service(struct kg_doctor *doctor, const char *check, enum kg_cure cure,
                            const struct kg_error *error) {
  fail(doctor, check, cure, error)->serving = true;
}

void kg_doctor_fail_issuing(struct kg_doctor *doctor, const char *check, enum kg_cure cure,
                            const struct kg_error *error) {
  struct kg_finding *finding = fail(doctor, check, cure, error);
  finding->serving = true;
  if (!doctor->signs_only) return;
  finding->level = KG_FINDING_WARN;
  finding->status = KG_OK;
}

int kg_doctor_end(void *context, const struct kg_error *error) {
  struct kg_doctor *doctor = context;
  kg_doctor_fail(doctor, doctor->check, KG_CURE_KEY_HANGS, error);
  int exit_code = doctor->report(doctor);
  fflush(doctor->run->out);
  return exit_code;
}

/* Provisioning makes it, one folder and not those above. */
static void check_place_of_state(struct kg_doctor *doctor, const char *path) {
  char *folder = kg_path_folder(path);
  struct kg_error error = {0};
  enum kg_status status =
      folder != NULL ? kg_file_check_room(folder, ROOM_BYTES, &error) : kg_error_no_memory(&error, "for a path");
  if (status == KG_OK)
    kg_doctor_warn(doctor, "state folder", KG_CURE_STATE_FOLDER, "%s is not there yet", path);
  else
    kg_doctor_fail(doctor, "state folder", KG_CURE_STATE_FOLDER_PLACE, &error);
  free(folder);
}

static void check_room_of_state(struct kg_doctor *doctor, const char *path) {
  bool mounted = doctor->run->config->mounted_state, strays = kg_doctor_finds_strays(doctor, path);
  struct kg_error error = {0};
  enum kg_status status = kg_file_check_room(path, ROOM_BYTES, &error);
  doctor->signs_only = mounted || status == KG_E_ACCESS;
  if (status != KG_OK && !doctor->signs_only)
    kg_doctor_fail_issuing(doctor, "state folder",
                           status == KG_E_NOT_FOUND ? KG_CURE_STATE_FOLDER_PLACE : KG_CURE_STATE_FULL, &error);
  else if (!strays)
    kg_doctor_ok(doctor, "state folder", "%s", path);
  if (doctor->signs_only)
    kg_doctor_skip(doctor, "provisioning", "not for this user, who signs (%s): nothing can be issued or renewed here",
                   mounted ? "mounted-state" : error.text);
}

void kg_doctor_check_state(struct kg_doctor *doctor) {
  const char *path = doctor->run->config->state_dir;
  struct kg_error error = {0};
  enum kg_status status = kg_file_check(path, KG_TRUST_SHARED, &error);
  if (status == KG_OK)
    check_room_of_state(doctor, path);
  else if (status == KG_E_NOT_FOUND) /* normal on a new machine */
    check_place_of_state(doctor, path);
  else
    kg_doctor_fail(doctor, "state folder", status == KG_E_UNTRUSTED ? KG_CURE_STATE_FOLDER_TRUST : KG_CURE_NONE,
                   &error);
}

/* Only provisioning needs it: signatures work without. */
void kg_doctor_check_plugin(struct kg_doctor *doctor) {
  struct kg_error error = {0};
  enum kg_status status = kg_plugin_load(doctor->run->config->plugin, &doctor->plugin, &error);
  if (status == KG_OK)
    kg_doctor_ok(doctor, "plugin", "%s, %s %s", kg_plugin_path(doctor->plugin), kg_plugin_get(doctor->plugin)->name,
                 kg_plugin_get(doctor->plugin)->release);
  else
    kg_doctor_fail_issuing(doctor, "plugin", KG_CURE_NONE, &error);
}

/* Neither provisioning nor a token needs it, and whoever signs does. */
void kg_doctor_check_module(struct kg_doctor *doctor) {
  const char *path = kg_environment_module();
  struct kg_error error = {0};
  if (kg_file_check(path, KG_TRUST_ANY, &error) == KG_OK)
    kg_doctor_ok(doctor, "module", "%s", path);
  else
    kg_doctor_warn(doctor, "module", KG_CURE_MODULE, "no program can sign with it: %s", error.text);
}

/* Each identity is a slot, with a token while it has a certificate. */
void kg_doctor_check_slots(struct kg_doctor *doctor) {
  size_t count = doctor->run->config->identities_count;
  if (count <= GNUTLS_SLOTS) return;
  kg_doctor_warn(
      doctor, "slots", KG_CURE_SLOTS,
      "there are %zu identities, and programs on GnuTLS 3.7 (gnutls-cli, p11tool, wget) see none of them once more "
      "than %d have a certificate",
      count, GNUTLS_SLOTS);
}

/* The value of "module:" where its file name is our module's (pkcs11.conf(5)). */
bool kg_doctor_names_module(const char *text, const char *module, char *path, size_t size) {
  while (*text) {
    size_t len = strcspn(text, "\n"), name = strspn(text, " \t");
    if (strncmp(text + name, "module:", 7) == 0) {
      const char *value = text + name + 7;
      value += strspn(value, " \t");
      size_t value_len = (size_t)(text + len > value ? text + len - value : 0);
      while (value_len > 0 && strchr(" \t\r", value[value_len - 1]) != NULL)
        value_len--;
      snprintf(path, size, "%.*s", (int)(value_len < size ? value_len : size - 1), value);
      const char *slash = strrchr(path, '/');
      if (strcmp(slash != NULL ? slash + 1 : path, module) == 0) return true;
    }
    text += len + (text[len] == '\n');
  }
  return false;
}
