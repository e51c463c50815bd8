#define _GNU_SOURCE /* mkostemp's wrap */
#include "core/file.h"

#include "scratch.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The linker leads the library's calls here (--wrap): the one whose turn it is fails, or ends the process. */
enum way { PASS, FAIL, DIE };
static enum way way = PASS;
static int turn, turns;
static const char *failed_call;

int __real_mkostemp(char *template, int flags);
int __real_fchmod(int fd, mode_t mode);
ssize_t __real_write(int fd, const void *data, size_t size);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_mkostemp(char *template, int flags);
int __wrap_fchmod(int fd, mode_t mode);
ssize_t __wrap_write(int fd, const void *data, size_t size);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);

static bool is_my_turn(const char *call) {
  if (way == PASS || turns++ != turn) return false;
  if (way == DIE) raise(SIGKILL);
  failed_call = call;
  errno = ENOSPC;
  return true;
}

int __wrap_mkostemp(char *template, int flags) {
  return is_my_turn("mkostemp") ? -1 : __real_mkostemp(template, flags);
}

int __wrap_fchmod(int fd, mode_t mode) {
  return is_my_turn("fchmod") ? -1 : __real_fchmod(fd, mode);
}

/* Writes 7 bytes at most, so that the loop around it runs. */
ssize_t __wrap_write(int fd, const void *data, size_t size) {
  if (way == PASS) return __real_write(fd, data, size);
  return is_my_turn("write") ? -1 : __real_write(fd, data, size < 7 ? size : 7);
}

int __wrap_fsync(int fd) {
  return is_my_turn("fsync") ? -1 : __real_fsync(fd);
}

int __wrap_rename(const char *from, const char *to) {
  return is_my_turn("rename") ? -1 : __real_rename(from, to);
}

static void start_turns(enum way how, int which) {
  way = how;
  turn = which;
  turns = 0;
  failed_call = NULL;
}

static void assert_contents(const char *path, const char *expected) {
  char *text = scratch_read(path);

  assert_string_equal(text, expected);
  free(text);
}

static enum kg_status read_with(const char *path, enum kg_file_trust trust, struct kg_error *error) {
  struct kg_buf out = {NULL, 0};
  enum kg_status status;

  kg_error_clear(error);
  status = kg_file_read(path, 1000, trust, &out, NULL, error);
  if (status) assert_null(out.data);
  kg_buf_clear(&out);
  return status;
}

static void assert_untrusted(const char *path, enum kg_file_trust trust, const char *culprit, const char *reason) {
  struct kg_error error = {0};
  char start[300];

  assert_int_equal(read_with(path, trust, &error), KG_E_UNTRUSTED);
  snprintf(start, sizeof start, "'%s' %s", culprit, reason);
  assert_memory_equal(error.text, start, strlen(start));
  assert_int_equal(kg_file_check(path, trust, NULL), KG_E_UNTRUSTED);
}

#define OLD "the old contents"
#define NEW "the new contents, which are longer"

static void replace_makes_and_replaces(void **state) {
  const char *path = scratch_path("fresh");

  (void)state;
  assert_int_equal(kg_file_replace(path, kg_span_text(OLD), 0644, NULL), KG_OK);
  assert_contents(path, OLD);
  assert_int_equal(kg_file_replace(path, kg_span_text(NEW), 0644, NULL), KG_OK);
  assert_contents(path, NEW);
  assert_int_equal(kg_file_replace(path, kg_span_of(NULL, 0), 0644, NULL), KG_OK);
  assert_contents(path, "");
}

static void replace_fails_whole_at_every_call(void **state) {
  const char *folder = scratch_mkdir("failing", 0755), *path = scratch_path("failing/file");
  struct kg_error error = {0};
  bool seen_rename = false;
  int failures = 0;

  (void)state;
  for (;; failures++) {
    enum kg_status status;
    scratch_write("failing/file", OLD, 0644);
    start_turns(FAIL, failures);
    status = kg_file_replace(path, kg_span_text(NEW), 0644, &error);
    way = PASS;
    assert_int_equal(scratch_count(folder), 1);
    if (status == KG_OK) break;
    assert_int_equal(status, KG_E_IO);
    assert_int_equal(error.native_code, ENOSPC);
    assert_non_null(strstr(error.text, path));
    assert_non_null(strstr(error.text, "No space left on device"));
    assert_contents(path, seen_rename ? NEW : OLD);
    if (strcmp(failed_call, "rename") == 0) seen_rename = true;
  }
  assert_contents(path, NEW);
  assert_true(seen_rename);
  assert_true(failures == 3 + 5 + 2); /* mkostemp fchmod fsync, 5 writes of 7 bytes, rename fsync */
}

static void replace_killed_at_every_call_leaves_old_or_new(void **state) {
  const char *path = scratch_path("killed");
  int killed = 0, status = 0;

  (void)state;
  for (;; killed++) {
    pid_t child;
    char *text;
    scratch_write("killed", OLD, 0644);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
      start_turns(DIE, killed);
      _exit(kg_file_replace(path, kg_span_text(NEW), 0644, NULL) == KG_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    text = scratch_read(path);
    assert_true(strcmp(text, OLD) == 0 || strcmp(text, NEW) == 0);
    free(text);
    if (WIFEXITED(status)) break;
  }
  assert_int_equal(WEXITSTATUS(status), 0);
  assert_int_equal(killed, 10);
}

static void mode_is_as_told_under_any_umask(void **state) {
  static const mode_t masks[] = {0, 022, 077, 0777};
  static const mode_t modes[] = {0600, 0640, 0644};
  const char *path = scratch_path("mode");
  struct stat found;

  (void)state;
  for (size_t i = 0; i < COUNT(masks) * COUNT(modes); i++) {
    mode_t mode = modes[i % COUNT(modes)], before = umask(masks[i / COUNT(modes)]);
    enum kg_status status = kg_file_replace(path, kg_span_text(NEW), mode, NULL);
    umask(before);
    assert_int_equal(status, KG_OK);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_mode & 07777, mode);
  }
}

static void reader_never_sees_a_half(void **state) {
  const char *path = scratch_path("raced");
  pid_t writer;
  int status = 0, reads = 0;

  (void)state;
  assert_int_equal(kg_file_replace(path, kg_span_text(OLD), 0644, NULL), KG_OK);
  writer = fork();
  assert_true(writer >= 0);
  if (writer == 0) {
    for (int i = 0; i < 300; i++)
      if (kg_file_replace(path, kg_span_text(i % 2 ? OLD : NEW), 0644, NULL)) _exit(1);
    _exit(0);
  }
  do {
    struct kg_buf out = {NULL, 0};
    assert_int_equal(kg_file_read(path, 1000, KG_TRUST_OWNER, &out, NULL, NULL), KG_OK);
    assert_true(strcmp((char *)out.data, OLD) == 0 || strcmp((char *)out.data, NEW) == 0);
    kg_buf_clear(&out);
    reads++;
  } while (waitpid(writer, &status, WNOHANG) == 0);
  assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  assert_true(reads > 0);
}

static void replace_names_what_is_in_the_way(void **state) {
  const char *folder = scratch_mkdir("in-the-way", 0755);
  struct kg_error error = {0};

  (void)state;
  assert_int_equal(kg_file_replace(folder, kg_span_text(NEW), 0644, &error), KG_E_IO);
  assert_non_null(strstr(error.text, folder));
  assert_int_equal(kg_file_replace(scratch_path("no/such"), kg_span_text(NEW), 0644, &error), KG_E_NOT_FOUND);
  assert_non_null(strstr(error.text, "no/such"));
}

static void replace_puts_a_file_where_a_link_was(void **state) {
  const char *target = scratch_write("target", OLD, 0644), *link = scratch_path("link");
  struct stat found;

  (void)state;
  assert_int_equal(symlink(target, link), 0);
  assert_int_equal(kg_file_replace(link, kg_span_text(NEW), 0644, NULL), KG_OK);
  assert_int_equal(lstat(link, &found), 0);
  assert_true(S_ISREG(found.st_mode));
  assert_contents(target, OLD);
}

static void read_ends_at_the_cap(void **state) {
  const char *path = scratch_write("ten", "0123456789", 0600);
  struct kg_buf out = {NULL, 0};
  struct kg_error error = {0};
  char expected[300];

  (void)state;
  assert_int_equal(kg_file_read(path, 10, KG_TRUST_OWNER, &out, NULL, &error), KG_OK);
  assert_string_equal((char *)out.data, "0123456789");
  assert_int_equal(kg_file_read(path, 9, KG_TRUST_OWNER, &out, NULL, &error), KG_E_IO);
  snprintf(expected, sizeof expected, "'%s' is larger than 9 bytes", path);
  assert_string_equal(error.text, expected);
  assert_string_equal((char *)out.data, "0123456789"); /* what was there stays */
  kg_buf_clear(&out);
}

static void missing_files_are_not_found_at_every_trust(void **state) {
  static const char *const names[] = {"missing", "missing/deeper", "a-file/deeper"};
  struct kg_error error;

  (void)state;
  scratch_write("a-file", "", 0600);
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
  struct kg_error error;

  (void)state;
  assert_int_equal(mkfifo(fifo, 0600), 0);
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
  const char *folder = scratch_mkdir("above", 0755), *path;
  struct kg_error error;

  (void)state;
  scratch_mkdir("above/below", 0755);
  path = scratch_write("above/below/file", "text", 0600);
  for (size_t i = 0; i < COUNT(bad); i++) {
    assert_int_equal(chmod(folder, bad[i]), 0);
    assert_untrusted(path, KG_TRUST_OWNER, folder, "may be written by others");
    assert_untrusted(path, KG_TRUST_SHARED, folder, "may be written by others");
  }
  assert_int_equal(chmod(folder, 01777), 0); /* sticky, as /tmp: only the owner may rename what is in it */
  assert_int_equal(read_with(path, KG_TRUST_OWNER, &error), KG_OK);
}

static void links_lead_only_through_trusted_folders(void **state) {
  const char *open_ = scratch_mkdir("open", 0777), *link = scratch_path("to-open");
  struct kg_error error;

  (void)state;
  assert_int_equal(symlink(scratch_write("open/file", "text", 0600), link), 0);
  assert_untrusted(link, KG_TRUST_OWNER, open_, "may be written by others");
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
  struct kg_error error;

  (void)state;
  scratch_mkdir("shapes", 0755), scratch_mkdir("shapes/real", 0755);
  scratch_write("shapes/real/file", "text", 0600);
  for (size_t i = 0; i < COUNT(links); i++)
    assert_int_equal(symlink(links[i].target, scratch_path(links[i].name)), 0);
  assert_int_equal(read_with(scratch_path("shapes/relative"), KG_TRUST_PRIVATE, &error), KG_OK);
  assert_int_equal(read_with(scratch_path("shapes/dots"), KG_TRUST_PRIVATE, &error), KG_OK);
  assert_int_equal(read_with(scratch_path("shapes/folder/file"), KG_TRUST_PRIVATE, &error), KG_OK);
  assert_int_equal(read_with(scratch_path("shapes/chain"), KG_TRUST_PRIVATE, &error), KG_OK);
  assert_int_equal(read_with(scratch_path("shapes/up"), KG_TRUST_PRIVATE, &error), KG_OK);
  assert_int_equal(read_with(scratch_path("./shapes/../shapes///real/./file"), KG_TRUST_PRIVATE, &error), KG_OK);
}

static void links_in_a_circle_end(void **state) {
  struct kg_error error;

  (void)state;
  assert_int_equal(symlink("circle-b", scratch_path("circle-a")), 0);
  assert_int_equal(symlink("circle-a", scratch_path("circle-b")), 0);
  assert_int_equal(symlink("spiral/x", scratch_path("spiral")), 0);
  assert_int_equal(read_with(scratch_path("circle-a"), KG_TRUST_OWNER, &error), KG_E_IO);
  assert_int_equal(error.native_code, ELOOP);
  assert_int_equal(read_with(scratch_path("spiral"), KG_TRUST_OWNER, &error), KG_E_IO);
  assert_int_equal(error.native_code, ELOOP);
}

static void relative_paths_begin_where_we_are(void **state) {
  int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const char *folder = scratch_mkdir("here", 0755);
  struct kg_error error;

  (void)state;
  scratch_write("here/file", "text", 0600);
  assert_int_equal(chdir(folder), 0);
  assert_int_equal(read_with("file", KG_TRUST_OWNER, &error), KG_OK);
  assert_int_equal(read_with("../here/file", KG_TRUST_OWNER, &error), KG_OK);
  assert_int_equal(chmod(folder, 0777), 0);
  assert_untrusted("file", KG_TRUST_OWNER, folder, "may be written by others");
  assert_int_equal(kg_file_replace("file", kg_span_text(NEW), 0600, NULL), KG_OK);
  assert_int_equal(fchdir(here), 0);
  close(here);
}

static void overlong_paths_are_refused(void **state) {
  struct kg_error error;
  char path[6000] = "/";

  (void)state;
  memset(path + 1, 'a', 300);
  assert_int_equal(read_with(path, KG_TRUST_OWNER, &error), KG_E_IO);
  assert_int_equal(error.native_code, ENAMETOOLONG);
  for (size_t i = 0; i < sizeof path - 1; i++)
    path[i] = i % 2 ? 'a' : '/';
  assert_int_equal(read_with(path, KG_TRUST_OWNER, &error), KG_E_IO);
  assert_int_equal(error.native_code, ENAMETOOLONG);
  assert_int_equal(read_with(path, KG_TRUST_ANY, &error), KG_E_IO);
}

#define SOMEBODY 65534

static void need_root(void) {
  if (geteuid() == 0) return;
  print_message("only root can give files away\n");
  skip();
}

static void others_files_are_not_ours(void **state) {
  const char *path = scratch_write("others", "text", 0644), *folder = scratch_mkdir("others-folder", 0755);
  struct kg_error error;

  (void)state;
  need_root();
  assert_int_equal(chown(path, SOMEBODY, SOMEBODY), 0);
  assert_untrusted(path, KG_TRUST_OWNER, path, "belongs to somebody else");
  assert_int_equal(read_with(path, KG_TRUST_SHARED, &error), KG_OK);
  path = scratch_write("others-folder/file", "text", 0644);
  assert_int_equal(chown(folder, SOMEBODY, SOMEBODY), 0);
  assert_untrusted(path, KG_TRUST_OWNER, folder, "belongs to somebody else");
  assert_int_equal(read_with(path, KG_TRUST_SHARED, &error), KG_OK);
}

static void in_a_sticky_folder_only_known_owners_count(void **state) {
  const char *folder = scratch_mkdir("sticky", 01777), *path = scratch_write("sticky/file", "text", 0644);
  const char *real = scratch_write("real", "text", 0644), *link = scratch_path("sticky/link");
  struct kg_error error;

  (void)state;
  need_root();
  assert_int_equal(symlink(real, link), 0);
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

static void identity_changes_with_every_replacement(void **state) {
  const char *path = scratch_path("identified");
  struct kg_file_id before = {0}, after = {0}, again = {0}, none = {0};
  struct kg_buf out = {NULL, 0};

  (void)state;
  assert_int_equal(kg_file_identify(path, &before), KG_E_NOT_FOUND);
  assert_true(kg_file_id_equal(&before, &none));
  assert_int_equal(kg_file_replace(path, kg_span_text(OLD), 0644, NULL), KG_OK);
  assert_int_equal(kg_file_identify(path, &before), KG_OK);
  assert_false(kg_file_id_equal(&before, &none));
  assert_int_equal(kg_file_replace(path, kg_span_text(NEW), 0644, NULL), KG_OK);
  assert_int_equal(kg_file_read(path, 1000, KG_TRUST_OWNER, &out, &after, NULL), KG_OK);
  assert_false(kg_file_id_equal(&before, &after));
  assert_int_equal(kg_file_identify(path, &again), KG_OK);
  assert_true(kg_file_id_equal(&after, &again));
  kg_buf_clear(&out);
}

static void folders_are_made_once(void **state) {
  const char *path = scratch_path("made"), *file = scratch_write("made-file", "", 0600);
  mode_t before = umask(077);
  struct kg_error error = {0};
  struct stat found;

  (void)state;
  assert_int_equal(kg_file_make_directory(path, 0755, NULL), KG_OK);
  umask(before);
  assert_int_equal(stat(path, &found), 0);
  assert_int_equal(found.st_mode & 07777, 0755);
  assert_int_equal(kg_file_make_directory(path, 0700, NULL), KG_OK);
  assert_int_equal(stat(path, &found), 0);
  assert_int_equal(found.st_mode & 07777, 0755); /* what is there keeps its mode */
  assert_int_not_equal(kg_file_make_directory(file, 0755, &error), KG_OK);
  assert_non_null(strstr(error.text, file));
  assert_int_equal(kg_file_make_directory(scratch_path("no/such"), 0755, &error), KG_E_NOT_FOUND);
}

static void paths_are_joined_with_one_slash(void **state) {
  static const struct {
    const char *directory, *name, *suffix, *path;
  } cases[] = {
      {"/a", "b", ".json", "/a/b.json"},
      {"/a/", "b", NULL, "/a/b"},
      {"/", "b", "", "/b"},
      {"", "b", "", "/b"},
  };

  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    char *path = kg_file_join(cases[i].directory, cases[i].name, cases[i].suffix);
    assert_string_equal(path, cases[i].path);
    free(path);
  }
}

/* Descriptors of this process; one of them is the look itself. */
static void no_descriptor_stays_open(void **state) {
  int before = scratch_count("/proc/self/fd");
  struct kg_error error;

  (void)state;
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
      CASE("/file/replace_makes_and_replaces", replace_makes_and_replaces),
      CASE("/file/replace_fails_whole_at_every_call", replace_fails_whole_at_every_call),
      CASE("/file/replace_killed_at_every_call_leaves_old_or_new", replace_killed_at_every_call_leaves_old_or_new),
      CASE("/file/mode_is_as_told_under_any_umask", mode_is_as_told_under_any_umask),
      CASE("/file/reader_never_sees_a_half", reader_never_sees_a_half),
      CASE("/file/replace_names_what_is_in_the_way", replace_names_what_is_in_the_way),
      CASE("/file/replace_puts_a_file_where_a_link_was", replace_puts_a_file_where_a_link_was),
      CASE("/file/read_ends_at_the_cap", read_ends_at_the_cap),
      CASE("/file/missing_files_are_not_found_at_every_trust", missing_files_are_not_found_at_every_trust),
      CASE("/file/what_is_no_file_is_refused_at_once", what_is_no_file_is_refused_at_once),
      CASE("/file/modes_decide_trust", modes_decide_trust),
      CASE("/file/writable_folder_anywhere_above_is_named", writable_folder_anywhere_above_is_named),
      CASE("/file/links_lead_only_through_trusted_folders", links_lead_only_through_trusted_folders),
      CASE("/file/links_of_every_shape_are_followed", links_of_every_shape_are_followed),
      CASE("/file/links_in_a_circle_end", links_in_a_circle_end),
      CASE("/file/relative_paths_begin_where_we_are", relative_paths_begin_where_we_are),
      CASE("/file/overlong_paths_are_refused", overlong_paths_are_refused),
      CASE("/file/others_files_are_not_ours", others_files_are_not_ours),
      CASE("/file/in_a_sticky_folder_only_known_owners_count", in_a_sticky_folder_only_known_owners_count),
      CASE("/file/denied_is_not_missing", denied_is_not_missing),
      CASE("/file/searchable_folder_need_not_be_readable", searchable_folder_need_not_be_readable),
      CASE("/file/check_takes_folders", check_takes_folders),
      CASE("/file/identity_changes_with_every_replacement", identity_changes_with_every_replacement),
      CASE("/file/folders_are_made_once", folders_are_made_once),
      CASE("/file/paths_are_joined_with_one_slash", paths_are_joined_with_one_slash),
      CASE("/file/no_descriptor_stays_open", no_descriptor_stays_open),
  };

  return cmocka_run_group_tests(cases, scratch_setup, scratch_teardown);
}
