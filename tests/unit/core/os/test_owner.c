#include "core/os/owner_posix.h"

#include "core/os/file.h"
#include "tests/support/scratch.h"
#include "tests/support/unit.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void assert_owner(const char *path, uid_t owner, mode_t mode) {
  struct stat found;
  assert_int_equal(lstat(path, &found), 0);
  assert_int_equal(found.st_uid, owner);
  assert_int_equal(found.st_gid, owner);
  assert_int_equal(found.st_mode & 07777, mode);
}

/* root's timer and a service share a folder: whoever comes first must not shut the other out. */
static void what_root_makes_is_the_folders_owners(void **state) {
  static const mode_t masks[] = {077, 0};
  const char *folder = scratch_mkdir("services", 0755), *path = scratch_path("services/file");
  (void)state;
  if (geteuid() != 0) {
    print_message("only root can give files away\n");
    skip();
  }
  assert_int_equal(chown(folder, 65534, 65534), 0);
  for (size_t i = 0; i < COUNT(masks); i++) {
    const char *below = scratch_path(i ? "services/a" : "services/b");
    mode_t before = umask(masks[i]);
    assert_int_equal(kg_file_replace(path, kg_span_text("text"), 0640, NULL), KG_OK);
    assert_int_equal(kg_file_make_directory(below, 0700, NULL), KG_OK);
    umask(before);
    assert_owner(path, 65534, 0640);
    assert_owner(below, 65534, 0700);
  }
  const char *old = scratch_mkdir("services/old", 0700); /* root's on purpose, for all we know */
  assert_int_equal(kg_file_make_directory(old, 0755, NULL), KG_OK);
  assert_owner(old, 0, 0700);
  assert_int_equal(kg_file_replace(scratch_path("roots"), kg_span_text("text"), 0600, NULL), KG_OK);
  assert_owner(scratch_path("roots"), 0, 0600);
}

static int may_write_in(const char *path) {
  return kg_file_may_write_in(path);
}

static void who_may_write_in_a_folder_is_known_before(void **state) {
  const char *folder = scratch_mkdir("asked", 0755);
  (void)state;
  assert_true(kg_file_may_write_in(folder));
  assert_false(kg_file_may_write_in(scratch_path("asked/missing")));
  if (geteuid() != 0) return;
  assert_int_equal(scratch_as_nobody(may_write_in, folder), 0);
  assert_int_equal(chown(folder, 65534, 65534), 0);
  assert_int_equal(scratch_as_nobody(may_write_in, folder), 1);
}

static void strays_are_found_in_a_services_folder_alone(void **state) {
  const char *folder = scratch_mkdir("strays", 0755);
  struct kg_owner_stray stray;
  (void)state;
  assert_false(kg_owner_find_strays(scratch_path("strays/missing"), &stray));
  if (geteuid() != 0) skip();
  const char *file = scratch_write("strays/ours", "", 0600);
  assert_int_equal(chown(file, 65534, 65534), 0);
  assert_false(kg_owner_find_strays(folder, &stray)); /* root's own, who may do with it what it likes */
  assert_int_equal(chown(folder, 65534, 4711), 0);
  assert_false(kg_owner_find_strays(folder, &stray));
  scratch_write("strays/roots", "", 0600);
  assert_true(kg_owner_find_strays(folder, &stray));
  assert_string_equal(stray.name, "roots");
  assert_int_equal(stray.count, 1);
  assert_int_equal(stray.folder, 65534);
  assert_int_equal(stray.group, 4711);
  assert_int_equal(stray.file, 0);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/owner/what_root_makes_is_the_folders_owners", what_root_makes_is_the_folders_owners),
      CASE("/owner/who_may_write_in_a_folder_is_known_before", who_may_write_in_a_folder_is_known_before),
      CASE("/owner/strays_are_found_in_a_services_folder_alone", strays_are_found_in_a_services_folder_alone),
  };
  return cmocka_run_group_tests(cases, scratch_setup, scratch_teardown);
}
