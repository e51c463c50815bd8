#define _GNU_SOURCE /* unshare */
#include "core/os/file.h"

#include "tests/support/scratch.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static enum kg_status read_with(const char *path, enum kg_file_trust trust, struct kg_error *error) {
  kg_error_clear(error);
  struct kg_buf out = {0};
  enum kg_status status = kg_file_read(path, 1000, trust, &out, NULL, error);
  if (status != KG_OK) assert_null(out.data);
  kg_buf_clear(&out);
  return status;
}

static void assert_untrusted(const char *path, enum kg_file_trust trust, const char *culprit, const char *reason) {
  struct kg_error error = {0};
  assert_int_equal(read_with(path, trust, &error), KG_E_UNTRUSTED);
  char start[300];
  snprintf(start, sizeof start, "'%s' %s", culprit, reason);
  assert_memory_equal(error.text, start, strlen(start));
  assert_int_equal(kg_file_check(path, trust, NULL), KG_E_UNTRUSTED);
}

#define NEW "the new contents, which are longer"

static void missing_files_are_not_found_at_every_trust(void **state) {
  static const char *const names[] = {"missing", "missing/deeper", "a-file/deeper"};
  (void)state;
  scratch_write("a-file", "", 0600);
  struct kg_error error;
  for (size_t i = 0; i < COUNT(names); i++)
    for (int trust = KG_TRUST_ANY; trust <= KG_TRUST_PRIVATE; trust++) {
      assert_int_equal(read_with(scratch_path(names[i]), (enum kg_file_trust)trust, &error), KG_E_NOT_FOUND);
      assert_non_null(strstr(error.text, i == 0 ? "missing'" : i == 1 ? "/missing" : "/a-file"));
      assert_int_equal(kg_file_check(scratch_path(names[i]), (enum kg_file_trust)trust, &error), KG_E_NOT_FOUND);
    }
  assert_int_equal(read_with("", KG_TRUST_ANY, &error), KG_E_NOT_FOUND);
}

static void what_is_no_file_is_refused_at_once(void **state) {
  const char *fifo = scratch_path("fifo"), *folder = scratch_mkdir("folder", 0755);
  const char *const others[] = {fifo, folder, "/dev/null", "/dev/zero"};
  (void)state;
  assert_int_equal(mkfifo(fifo, 0600), 0);
  struct kg_error error;
  for (size_t i = 0; i < COUNT(others); i++)
    for (int trust = KG_TRUST_ANY; trust <= KG_TRUST_PRIVATE; trust++) {
      assert_int_equal(read_with(others[i], (enum kg_file_trust)trust, &error), KG_E_UNTRUSTED);
      assert_non_null(strstr(error.text, others[i]));
      assert_non_null(strstr(error.text, "is not a regular file"));
    }
}

static void modes_decide_trust(void **state) {
  static const struct {
    mode_t mode;
    bool owner, private;
  } cases[] = {
      {0600, true, true},   {0400, true, true},   {0700, true, true},   {0640, true, false},
      {0644, true, false},  {0604, true, false},  {0620, false, false}, {0602, false, false},
      {0666, false, false}, {0777, false, false}, {0610, true, false},
  };
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    const char *path = scratch_write("mode-trust", "text", cases[i].mode);
    struct kg_error error;
    if (cases[i].owner) {
      assert_int_equal(read_with(path, KG_TRUST_SHARED, &error), KG_OK);
      assert_int_equal(read_with(path, KG_TRUST_OWNER, &error), KG_OK);
    } else {
      assert_untrusted(path, KG_TRUST_SHARED, path, "may be written by others (owner ");
      assert_untrusted(path, KG_TRUST_OWNER, path, "may be written by others (owner ");
    }
    if (cases[i].private)
      assert_int_equal(read_with(path, KG_TRUST_PRIVATE, &error), KG_OK);
    else
      assert_untrusted(path, KG_TRUST_PRIVATE, path, cases[i].owner ? "may be read by others" : "may be written by ");
    assert_int_equal(read_with(path, KG_TRUST_ANY, &error), KG_OK);
  }
}

static void writable_folder_anywhere_above_is_named(void **state) {
  static const mode_t bad[] = {0777, 0775, 0757, 02775};
  const char *folder = scratch_mkdir("above", 0755);
  (void)state;
  scratch_mkdir("above/below", 0755);
  const char *path = scratch_write("above/below/file", "text", 0600);
  for (size_t i = 0; i < COUNT(bad); i++) {
    assert_int_equal(chmod(folder, bad[i]), 0);
    assert_untrusted(path, KG_TRUST_OWNER, folder, "may be written by others");
    assert_untrusted(path, KG_TRUST_SHARED, folder, "may be written by others");
  }
  assert_int_equal(chmod(folder, 01777), 0); /* sticky, as /tmp: only the owner may rename what is in it */
  struct kg_error error;
  assert_int_equal(read_with(path, KG_TRUST_OWNER, &error), KG_OK);
}

static void links_lead_only_through_trusted_folders(void **state) {
  const char *open_ = scratch_mkdir("open", 0777), *link = scratch_path("to-open");
  (void)state;
  assert_int_equal(symlink(scratch_write("open/file", "text", 0600), link), 0);
  assert_untrusted(link, KG_TRUST_OWNER, open_, "may be written by others");
  struct kg_error error;
  assert_int_equal(read_with(link, KG_TRUST_ANY, &error), KG_OK);
  assert_int_equal(chmod(open_, 0755), 0);
  assert_int_equal(read_with(link, KG_TRUST_OWNER, &error), KG_OK);
}

static void links_of_every_shape_are_followed(void **state) {
  static const struct {
    const char *name, *target;
  } links[] = {
      {"shapes/relative", "real/file"},
      {"shapes/dots", "../shapes/./real/../real//file"},
      {"shapes/folder", "real"},
      {"shapes/chain", "relative"},
      {"shapes/up", "folder/../real/file"},
  };
  (void)state;
  scratch_mkdir("shapes", 0755), scratch_mkdir("shapes/real", 0755);
  scratch_write("shapes/real/file", "text", 0600);
  for (size_t i = 0; i < COUNT(links); i++)
    assert_int_equal(symlink(links[i].target, scratch_path(links[i].name)), 0);
  struct kg_error error;
  assert_int_equal(read_with(scratch_path("shapes/relative"), KG_TRUST_PRIVATE, &error), KG_OK);
  assert_int_equal(read_with(scratch_path("shapes/dots"), KG_TRUST_PRIVATE, &error), KG_OK);
  assert_int_equal(read_with(scratch_path("shapes/folder/file"), KG_TRUST_PRIVATE, &error), KG_OK);
  assert_int_equal(read_with(scratch_path("shapes/chain"), KG_TRUST_PRIVATE, &error), KG_OK);
  assert_int_equal(read_with(scratch_path("shapes/up"), KG_TRUST_PRIVATE, &error), KG_OK);
  assert_int_equal(read_with(scratch_path("./shapes/../shapes///real/./file"), KG_TRUST_PRIVATE, &error), KG_OK);
}

static void links_in_a_circle_end(void **state) {
  (void)state;
  assert_int_equal(symlink("circle-b", scratch_path("circle-a")), 0);
  assert_int_equal(symlink("circle-a", scratch_path("circle-b")), 0);
  assert_int_equal(symlink("spiral/x", scratch_path("spiral")), 0);
  struct kg_error error;
  assert_int_equal(read_with(scratch_path("circle-a"), KG_TRUST_OWNER, &error), KG_E_IO);
  assert_int_equal(error.native_code, ELOOP);
  assert_int_equal(read_with(scratch_path("spiral"), KG_TRUST_OWNER, &error), KG_E_IO);
  assert_int_equal(error.native_code, ELOOP);
}

static void culprit_is_named_without_detours(void **state) {
  const char *open_ = scratch_mkdir("detour-open", 0777);
  (void)state;
  scratch_mkdir("detour", 0755), scratch_mkdir("detour/deeper", 0755);
  scratch_write("detour-open/file", "text", 0600);
  assert_untrusted(scratch_path("detour/deeper/../../detour-open/./file"), KG_TRUST_OWNER, open_, "may be written");
  assert_int_equal(kg_file_check("/..", KG_TRUST_OWNER, NULL), KG_OK);
}

static void links_end_at_forty(void **state) {
  (void)state;
  scratch_write("forty-0", "text", 0600);
  char name[32], target[32];
  for (int i = 1; i <= 41; i++) {
    snprintf(name, sizeof name, "forty-%d", i);
    snprintf(target, sizeof target, "forty-%d", i - 1);
    assert_int_equal(symlink(target, scratch_path(name)), 0);
  }
  struct kg_error error;
  assert_int_equal(read_with(scratch_path("forty-40"), KG_TRUST_OWNER, &error), KG_OK);
  assert_int_equal(read_with(scratch_path("forty-41"), KG_TRUST_OWNER, &error), KG_E_IO);
  assert_int_equal(error.native_code, ELOOP);
}

static void relative_paths_begin_where_we_are(void **state) {
  int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const char *folder = scratch_mkdir("here", 0755);
  (void)state;
  scratch_write("here/file", "text", 0600);
  assert_int_equal(chdir(folder), 0);
  struct kg_error error;
  assert_int_equal(read_with("file", KG_TRUST_OWNER, &error), KG_OK);
  assert_int_equal(read_with("../here/file", KG_TRUST_OWNER, &error), KG_OK);
  assert_int_equal(chmod(folder, 0777), 0);
  assert_untrusted("file", KG_TRUST_OWNER, folder, "may be written by others");
  assert_int_equal(kg_file_replace("file", kg_span_text(NEW), 0600, NULL), KG_OK);
  assert_int_equal(fchdir(here), 0);
  close(here);
}

static void overlong_paths_are_refused(void **state) {
  char path[6000] = "/";
  (void)state;
  memset(path + 1, 'a', 300);
  struct kg_error error;
  assert_int_equal(read_with(path, KG_TRUST_OWNER, &error), KG_E_IO);
  assert_int_equal(error.native_code, ENAMETOOLONG);
  for (size_t i = 0; i < sizeof path - 1; i++)
    path[i] = i % 2 ? 'a' : '/';
  assert_int_equal(read_with(path, KG_TRUST_OWNER, &error), KG_E_IO);
  assert_int_equal(error.native_code, ENAMETOOLONG);
  assert_int_equal(read_with(path, KG_TRUST_ANY, &error), KG_E_IO);
}

#define SOMEBODY 65534
#define GROUP 4711

static void need_root(void) {
  if (geteuid() == 0) return;
  print_message("only root can give files away\n");
  skip();
}

static void others_files_are_not_ours(void **state) {
  const char *path = scratch_write("others", "text", 0644), *folder = scratch_mkdir("others-folder", 0755);
  (void)state;
  need_root();
  assert_int_equal(chown(path, SOMEBODY, SOMEBODY), 0);
  assert_untrusted(path, KG_TRUST_OWNER, path, "belongs to somebody else");
  struct kg_error error;
  assert_int_equal(read_with(path, KG_TRUST_SHARED, &error), KG_OK);
  path = scratch_write("others-folder/file", "text", 0644);
  assert_int_equal(chown(folder, SOMEBODY, SOMEBODY), 0);
  assert_untrusted(path, KG_TRUST_OWNER, folder, "belongs to somebody else");
  assert_int_equal(read_with(path, KG_TRUST_SHARED, &error), KG_OK);
}

static void in_a_sticky_folder_only_known_owners_count(void **state) {
  const char *folder = scratch_mkdir("sticky", 01777), *path = scratch_write("sticky/file", "text", 0644);
  const char *real = scratch_write("real", "text", 0644), *link = scratch_path("sticky/link");
  (void)state;
  need_root();
  assert_int_equal(symlink(real, link), 0);
  struct kg_error error;
  assert_int_equal(read_with(link, KG_TRUST_SHARED, &error), KG_OK);
  assert_int_equal(lchown(link, SOMEBODY, SOMEBODY), 0);
  assert_untrusted(link, KG_TRUST_SHARED, link, "is a link of somebody else's");
  assert_untrusted(link, KG_TRUST_OWNER, link, "is a link of somebody else's");
  assert_int_equal(chown(path, SOMEBODY, SOMEBODY), 0);
  assert_untrusted(path, KG_TRUST_SHARED, path, "belongs to somebody else");
  assert_int_equal(chown(folder, SOMEBODY, SOMEBODY), 0); /* then they own both, and whoever named it chose them */
  assert_int_equal(read_with(path, KG_TRUST_SHARED, &error), KG_OK);
}

static int read_as_somebody(const char *path) {
  struct kg_error error;
  return (int)read_with(path, KG_TRUST_OWNER, &error);
}

static void denied_is_not_missing(void **state) {
  const char *path = scratch_write("secret", "text", 0600);
  (void)state;
  need_root();
  assert_int_equal(scratch_as_nobody(read_as_somebody, path), KG_E_ACCESS);
  scratch_write("public", "text", 0644);
  assert_int_equal(scratch_as_nobody(read_as_somebody, scratch_path("public")), KG_OK);
  scratch_mkdir("closed", 0700);
  assert_int_equal(scratch_as_nobody(read_as_somebody, scratch_path("closed/missing")), KG_E_ACCESS);
}

static int read_granted(const char *path) {
  struct kg_error error;
  return (int)read_with(path, KG_TRUST_GRANTED, &error);
}

/* By root itself, and by the service, to whose group root gave it. */
static void group_may_read_what_is_roots(void **state) {
  static const struct {
    uid_t owner;
    mode_t mode;
    enum kg_status root, service;
  } cases[] = {
      {0, 0600, KG_OK, KG_E_ACCESS},
      {0, 0640, KG_OK, KG_OK},
      {0, 0440, KG_OK, KG_OK},
      {0, 0444, KG_E_UNTRUSTED, KG_E_UNTRUSTED},
      {0, 0644, KG_E_UNTRUSTED, KG_E_UNTRUSTED},
      {0, 0641, KG_E_UNTRUSTED, KG_E_UNTRUSTED},
      {0, 0660, KG_E_UNTRUSTED, KG_E_UNTRUSTED},
      {SOMEBODY, 0600, KG_E_UNTRUSTED, KG_OK},
      {SOMEBODY, 0400, KG_E_UNTRUSTED, KG_OK},
      {SOMEBODY, 0640, KG_E_UNTRUSTED, KG_E_UNTRUSTED},
      {SOMEBODY, 0440, KG_E_UNTRUSTED, KG_E_UNTRUSTED},
      {SOMEBODY, 0444, KG_E_UNTRUSTED, KG_E_UNTRUSTED},
      {GROUP, 0640, KG_E_UNTRUSTED, KG_E_UNTRUSTED},
  };
  (void)state;
  need_root();
  for (size_t i = 0; i < COUNT(cases); i++) {
    const char *path = scratch_write("granted", "text", 0600);
    assert_int_equal(chown(path, cases[i].owner, SOMEBODY), 0);
    assert_int_equal(chmod(path, cases[i].mode), 0);
    if (read_granted(path) != (int)cases[i].root || scratch_as_nobody(read_granted, path) != (int)cases[i].service)
      fail_msg("owner %ld, mode %04o", (long)cases[i].owner, (unsigned)cases[i].mode);
    assert_int_equal(unlink(path), 0);
  }
  const char *path = scratch_write("granted", "text", 0640);
  assert_int_equal(chown(path, 0, GROUP), 0); /* another service's */
  assert_int_equal(scratch_as_nobody(read_granted, path), KG_E_ACCESS);
  struct kg_error error;
  assert_int_equal(read_with(path, KG_TRUST_PRIVATE, &error), KG_E_UNTRUSTED); /* what we write for ourselves */
  assert_int_equal(chmod(path, 0600), 0);
}

static const char *expected_text;

static int tells_expected(const char *path) {
  struct kg_error error;
  return read_with(path, KG_TRUST_GRANTED, &error) == KG_E_UNTRUSTED && strstr(error.text, path) != NULL &&
         strstr(error.text, expected_text) != NULL;
}

static void refusal_names_owner_mode_and_cure(void **state) {
  static const struct {
    uid_t owner;
    mode_t mode;
    const char *text;
  } cases[] = {
      {0, 0644, "may be read by others (owner 0, mode 0644): chmod o= it"},
      {0, 0660, "may be written by others (owner 0, mode 0660): chmod go-w it"},
      {SOMEBODY, 0640, "may be read by its group and is not root's (owner 65534, mode 0640): chmod g= it, or chown"},
      {GROUP, 0600, "belongs to somebody else (owner 4711, mode 0600): chown it to root or to user 65534"},
  };
  (void)state;
  need_root();
  for (size_t i = 0; i < COUNT(cases); i++) {
    const char *path = scratch_write("told", "text", 0600);
    assert_int_equal(chown(path, cases[i].owner, SOMEBODY), 0);
    assert_int_equal(chmod(path, cases[i].mode), 0);
    expected_text = cases[i].text;
    if (!scratch_as_nobody(tells_expected, path)) fail_msg("not told: %s", expected_text);
    assert_int_equal(unlink(path), 0);
  }
  const char *path = scratch_write("told", "text", 0600); /* root itself: the service shall not lose it */
  assert_int_equal(chown(path, SOMEBODY, SOMEBODY), 0);
  expected_text = "chown it to root, and let the group of whom it is for read it (mode 0640)";
  assert_true(tells_expected(path));
}

/* As the kubelet lays it out: a sticky volume of the group's, links to a folder of root's, files for the group. */
static void a_mounted_secret_is_granted(void **state) {
  const char *volume = scratch_mkdir("volume", 0755), *dated = scratch_mkdir("volume/..2026_01_01", 0755);
  const char *file = scratch_write("volume/..2026_01_01/pin", "text", 0440), *pin = scratch_path("volume/pin");
  (void)state;
  need_root();
  assert_int_equal(chown(volume, 0, SOMEBODY) | chown(dated, 0, SOMEBODY) | chown(file, 0, SOMEBODY), 0);
  assert_int_equal(chmod(volume, 03777) | chmod(dated, 02755), 0);
  assert_int_equal(symlink("..2026_01_01", scratch_path("volume/..data")), 0);
  assert_int_equal(symlink("..data/pin", pin), 0);
  assert_int_equal(scratch_as_nobody(read_granted, pin), KG_OK);
  assert_int_equal(chmod(dated, 02775), 0);
  assert_int_equal(scratch_as_nobody(read_granted, pin), KG_E_UNTRUSTED);
}

#define NO_NAMESPACE 254

/* In a user namespace that knows nobody alone, or not even them: all others are there by nobody's number. */
static int read_in_namespace(const char *path, const char *map) {
  if (prctl(PR_SET_DUMPABLE, 1) != 0 || unshare(CLONE_NEWUSER) != 0) return NO_NAMESPACE;
  int fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
  if (fd < 0 || (*map && write(fd, map, strlen(map)) != (ssize_t)strlen(map))) return NO_NAMESPACE;
  close(fd);
  struct stat found;
  if (stat(path, &found) != 0 || found.st_uid != geteuid()) return NO_NAMESPACE;
  return read_as_somebody(path);
}

static int read_known(const char *path) {
  return read_in_namespace(path, "65534 65534 1");
}

static int read_unknown(const char *path) {
  return read_in_namespace(path, "");
}

static void a_user_whom_the_namespace_does_not_know_is_not_us(void **state) {
  const char *path = scratch_write("strangers", "text", 0644);
  (void)state;
  need_root();
  assert_int_equal(chown(path, 4711, 4711), 0);
  int known = scratch_as_nobody(read_known, path), unknown = scratch_as_nobody(read_unknown, path);
  if (known == NO_NAMESPACE) {
    print_message("no user namespace can be made here\n");
    skip();
  }
  assert_int_equal(known, KG_E_UNTRUSTED);
  assert_int_equal(unknown, KG_E_UNTRUSTED);
}

static void searchable_folder_need_not_be_readable(void **state) {
  scratch_mkdir("searchable", 0711);
  scratch_write("searchable/file", "text", 0644);

  (void)state;
  need_root();
  assert_int_equal(scratch_as_nobody(read_as_somebody, scratch_path("searchable/file")), KG_OK);
}

static void check_takes_folders(void **state) {
  const char *folder = scratch_mkdir("checked", 0755);
  (void)state;
  for (int trust = KG_TRUST_ANY; trust <= KG_TRUST_OWNER; trust++)
    assert_int_equal(kg_file_check(folder, (enum kg_file_trust)trust, NULL), KG_OK);
  assert_int_equal(kg_file_check("/", KG_TRUST_OWNER, NULL), KG_OK);
  assert_int_equal(chmod(folder, 0777), 0);
  assert_int_equal(kg_file_check(folder, KG_TRUST_ANY, NULL), KG_OK);
  assert_int_equal(kg_file_check(folder, KG_TRUST_SHARED, NULL), KG_E_UNTRUSTED);
}

/* Descriptors of this process; one of them is the look itself. */
static void no_descriptor_stays_open(void **state) {
  int before = scratch_count("/proc/self/fd");
  (void)state;
  struct kg_error error;
  read_with(scratch_write("closed-file", "text", 0600), KG_TRUST_OWNER, &error);
  read_with(scratch_write("closed-file", "text", 0666), KG_TRUST_OWNER, &error);
  read_with(scratch_path("circle-a"), KG_TRUST_OWNER, &error);
  read_with(scratch_path("missing"), KG_TRUST_OWNER, &error);
  read_with(scratch_path("fifo"), KG_TRUST_ANY, &error);
  assert_int_equal(kg_file_check(scratch_folder(), KG_TRUST_OWNER, NULL), KG_OK);
  assert_int_equal(kg_file_replace(scratch_path("closed-file"), kg_span_text(NEW), 0600, NULL), KG_OK);
  assert_int_equal(scratch_count("/proc/self/fd"), before);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/trust/missing_files_are_not_found_at_every_trust", missing_files_are_not_found_at_every_trust),
      CASE("/trust/what_is_no_file_is_refused_at_once", what_is_no_file_is_refused_at_once),
      CASE("/trust/modes_decide_trust", modes_decide_trust),
      CASE("/trust/writable_folder_anywhere_above_is_named", writable_folder_anywhere_above_is_named),
      CASE("/trust/links_lead_only_through_trusted_folders", links_lead_only_through_trusted_folders),
      CASE("/trust/links_of_every_shape_are_followed", links_of_every_shape_are_followed),
      CASE("/trust/links_in_a_circle_end", links_in_a_circle_end),
      CASE("/trust/culprit_is_named_without_detours", culprit_is_named_without_detours),
      CASE("/trust/links_end_at_forty", links_end_at_forty),
      CASE("/trust/relative_paths_begin_where_we_are", relative_paths_begin_where_we_are),
      CASE("/trust/overlong_paths_are_refused", overlong_paths_are_refused),
      CASE("/trust/others_files_are_not_ours", others_files_are_not_ours),
      CASE("/trust/in_a_sticky_folder_only_known_owners_count", in_a_sticky_folder_only_known_owners_count),
      CASE("/trust/denied_is_not_missing", denied_is_not_missing),
      CASE("/trust/group_may_read_what_is_roots", group_may_read_what_is_roots),
      CASE("/trust/refusal_names_owner_mode_and_cure", refusal_names_owner_mode_and_cure),
      CASE("/trust/a_mounted_secret_is_granted", a_mounted_secret_is_granted),
      CASE("/trust/a_user_whom_the_namespace_does_not_know_is_not_us",
           a_user_whom_the_namespace_does_not_know_is_not_us),
      CASE("/trust/searchable_folder_need_not_be_readable", searchable_folder_need_not_be_readable),
      CASE("/trust/check_takes_folders", check_takes_folders),
      CASE("/trust/no_descriptor_stays_open", no_descriptor_stays_open),
  };
  return cmocka_run_group_tests(cases, scratch_setup, scratch_teardown);
}
