#define _GNU_SOURCE /* ST_NOSUID, popen "e" */
#include "core/state/config.h"
#include "core/state/config_file.h"

#include "tests/support/scratch.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define WEB "[identity web]\nkey-store = pkcs11:token=t;object=o?module-path=/m.so\n"
static void load_reads_a_trusted_file(void **state) {
  const char *path = scratch_write("good.conf", WEB, 0644);
  (void)state;
  struct kg_config *config = NULL;
  assert_int_equal(kg_config_load(path, &config, NULL), KG_OK);
  assert_string_equal(config->path, path);
  assert_int_equal(config->identities_count, 1);
  kg_config_free(&config);
  kg_config_free(&config);
  kg_config_free(NULL);
}

static void assert_load_fails(const char *path, enum kg_status status, const char *culprit) {
  struct kg_config *config = NULL;
  struct kg_error error = {0};
  assert_int_equal(kg_config_load(path, &config, &error), status);
  assert_int_equal(error.status, status);
  assert_non_null(strstr(error.text, culprit));
  assert_null(config);
}

static void load_names_what_cannot_be_trusted(void **state) {
  const char *folder = scratch_mkdir("conf.d", 0755), *link = scratch_path("link.conf");
  const char *fifo = scratch_path("fifo.conf");
  (void)state;
  const char *path = scratch_write("conf.d/a.conf", WEB, 0666);
  assert_load_fails(path, KG_E_UNTRUSTED, path);
  assert_int_equal(chmod(path, 0664), 0);
  assert_load_fails(path, KG_E_UNTRUSTED, path);
  assert_int_equal(chmod(path, 0644), 0);
  assert_int_equal(symlink(path, link), 0);
  assert_int_equal(chmod(folder, 0777), 0);
  assert_load_fails(path, KG_E_UNTRUSTED, folder);
  assert_load_fails(link, KG_E_UNTRUSTED, folder);
  assert_int_equal(mkfifo(fifo, 0644), 0);
  assert_load_fails(fifo, KG_E_UNTRUSTED, fifo);
  assert_load_fails(scratch_folder(), KG_E_UNTRUSTED, scratch_folder());
}

/* What keyguardctl says of it; the module then has no slots, as with every wrong configuration. */
static void pin_is_not_taken_from_a_file_that_others_read(void **state) {
  static const mode_t open_to[] = {0644, 0604, 0444};
  static const char text[] = WEB "\n[identity second]\n\nkey-store = pkcs11:token=t;object=o?module-path=/m.so\n"
                                 "  &pin-value=SECRET\n";
  (void)state;
  struct kg_config *config = NULL;
  for (size_t i = 0; i < COUNT(open_to); i++) {
    const char *path = scratch_write("pin.conf", text, open_to[i]);
    struct kg_error error = {0};
    assert_int_equal(kg_config_load(path, &config, &error), KG_E_CONFIG);
    assert_null(config);
    assert_memory_equal(error.text, path, strlen(path));
    assert_non_null(strstr(error.text, ":6: key 'key-store' in [identity second]: pin-value in a file"));
    assert_non_null(strstr(error.text, "use pin-source, or chmod go-r"));
    assert_null(strstr(error.text, "SECRET"));
    assert_int_equal(kg_config_load(scratch_write("pin.conf", WEB, open_to[i]), &config, NULL), KG_OK);
    kg_config_free(&config);
  }
  assert_int_equal(kg_config_load(scratch_write("pin.conf", text, 0600), &config, NULL), KG_OK);
  kg_config_free(&config);
}

static int load_as_somebody(const char *path) {
  struct kg_config *config = NULL;
  enum kg_status status = kg_config_load(path, &config, NULL);
  kg_config_free(&config);
  return (int)status;
}

static void pin_in_a_file_for_a_group_is_taken_from_root_alone(void **state) {
  const char *path = scratch_write("group.conf", WEB "  &pin-value=SECRET\n", 0640);
  (void)state;
  if (geteuid() != 0) {
    print_message("only root can become somebody else\n");
    skip();
  }
  assert_int_equal(chown(path, 0, 65534) | chmod(path, 0640), 0);
  assert_int_equal(load_as_somebody(path), KG_OK);
  assert_int_equal(scratch_as_nobody(load_as_somebody, path), KG_OK);
  assert_int_equal(chown(path, 65534, 65534) | chmod(path, 0640), 0);
  assert_int_equal(scratch_as_nobody(load_as_somebody, path), KG_E_CONFIG);
  assert_int_equal(chmod(path, 0600), 0);
  assert_int_equal(scratch_as_nobody(load_as_somebody, path), KG_OK);
}

static void missing_file_is_a_wrong_configuration(void **state) {
  (void)state;
  assert_load_fails(scratch_path("missing.conf"), KG_E_CONFIG, "missing.conf': No such file or directory");
}

/* The folder that is missing is no configuration of the user's: the file is. */
static void missing_folder_does_not_hide_the_file(void **state) {
  (void)state;
  assert_load_fails(scratch_path("nowhere/at/all.conf"), KG_E_CONFIG, "nowhere/at/all.conf': cannot open '");
}

static void file_ends_at_16_mebibytes(void **state) {
  size_t size = 16 * 1024 * 1024;
  char *text = malloc(size + 2);
  (void)state;
  assert_non_null(text);
  memset(text, '\n', size + 1);
  text[size] = '\0';
  const char *path = scratch_write("large.conf", text, 0600);
  struct kg_config *config = NULL;
  assert_int_equal(kg_config_load(path, &config, NULL), KG_OK);
  kg_config_free(&config);
  text[size] = '\n', text[size + 1] = '\0';
  assert_load_fails(scratch_write("large.conf", text, 0600), KG_E_IO, "is larger than 16777216 bytes");
  free(text);
}

static void unreadable_file_is_access_denied(void **state) {
  const char *path = scratch_write("private.conf", WEB, 0600);
  (void)state;
  if (geteuid() != 0) {
    print_message("only root can become somebody else\n");
    skip();
  }
  assert_int_equal(scratch_as_nobody(load_as_somebody, path), KG_E_ACCESS);
}

static void path_comes_from_the_environment_only_if_absolute(void **state) {
  (void)state;
  assert_int_equal(unsetenv("KEYGUARD_CONF"), 0);
  assert_non_null(strstr(kg_config_path(), "/keyguard/keyguard.conf"));
  assert_int_equal(kg_config_path()[0], '/');
  assert_int_equal(setenv("KEYGUARD_CONF", "/tmp/other.conf", 1), 0);
  assert_string_equal(kg_config_path(), "/tmp/other.conf");
  assert_int_equal(setenv("KEYGUARD_CONF", "other.conf", 1), 0);
  assert_non_null(strstr(kg_config_path(), "/keyguard/keyguard.conf"));
  assert_int_equal(setenv("KEYGUARD_CONF", "", 1), 0);
  assert_non_null(strstr(kg_config_path(), "/keyguard/keyguard.conf"));
  assert_int_equal(unsetenv("KEYGUARD_CONF"), 0);
}

/* A copy of this program, owned by root and set-uid, run by nobody: the variable is somebody else's then. */
static void set_uid_programs_ignore_the_environment(void **state) {
  const char *path = scratch_path("set-uid");
  (void)state;
  struct statvfs mount;
  if (geteuid() != 0 || statvfs(scratch_folder(), &mount) != 0 || mount.f_flag & ST_NOSUID) {
    print_message("needs root, and a /tmp that allows set-uid programs\n");
    skip();
  }
  char command[600];
  snprintf(command, sizeof command,
           "cp /proc/%ld/exe %s && chmod 4755 %s && KEYGUARD_CONF=/tmp/evil.conf setpriv --reuid=65534 --regid=65534 "
           "--clear-groups %s path",
           (long)getpid(), path, path, path);
  FILE *output = popen(command, "re");
  assert_non_null(output);
  char line[300] = "";
  assert_non_null(fgets(line, sizeof line, output));
  assert_int_equal(pclose(output), 0);
  assert_non_null(strstr(line, "/keyguard/keyguard.conf uid 65534 euid 0"));
}

int main(int argc, char **argv) {
  static const struct CMUnitTest cases[] = {
      CASE("/config_load/pin_is_not_taken_from_a_file_that_others_read", pin_is_not_taken_from_a_file_that_others_read),
      CASE("/config_load/pin_in_a_file_for_a_group_is_taken_from_root_alone",
           pin_in_a_file_for_a_group_is_taken_from_root_alone),
      CASE("/config_load/load_reads_a_trusted_file", load_reads_a_trusted_file),
      CASE("/config_load/load_names_what_cannot_be_trusted", load_names_what_cannot_be_trusted),
      CASE("/config_load/missing_file_is_a_wrong_configuration", missing_file_is_a_wrong_configuration),
      CASE("/config_load/missing_folder_does_not_hide_the_file", missing_folder_does_not_hide_the_file),
      CASE("/config_load/file_ends_at_16_mebibytes", file_ends_at_16_mebibytes),
      CASE("/config_load/unreadable_file_is_access_denied", unreadable_file_is_access_denied),
      CASE("/config_load/path_comes_from_the_environment_only_if_absolute",
           path_comes_from_the_environment_only_if_absolute),
      CASE("/config_load/set_uid_programs_ignore_the_environment", set_uid_programs_ignore_the_environment),
  };
  if (argc == 2 && strcmp(argv[1], "path") == 0) /* set_uid_programs_ignore_the_environment */
    return printf("%s uid %ld euid %ld\n", kg_config_path(), (long)getuid(), (long)geteuid()) < 0;
  return cmocka_run_group_tests(cases, scratch_setup, scratch_teardown);
}
