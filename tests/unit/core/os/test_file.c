#define _GNU_SOURCE /* mkostemp's wrap */
#include "core/os/file.h"

#include "tests/support/scratch.h"
#include "tests/support/unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The linker leads the library's calls here (--wrap): the one whose turn it is fails, or ends the process. */
enum way { PASS, FAIL, INTERRUPT, DIE };
static enum way way = PASS;
static int turn, turns;
static const char *failed_call;
static int failure;

int __real_mkostemp(char *template, int flags);
int __real_fchmod(int fd, mode_t mode);
ssize_t __real_write(int fd, const void *data, size_t size);
int __real_fsync(int fd);
int __real_rename(const char *from, const char *to);
ssize_t __real_read(int fd, void *data, size_t size);
int __wrap_mkostemp(char *template, int flags);
int __wrap_fchmod(int fd, mode_t mode);
ssize_t __wrap_write(int fd, const void *data, size_t size);
int __wrap_fsync(int fd);
int __wrap_rename(const char *from, const char *to);
ssize_t __wrap_read(int fd, void *data, size_t size);

static bool is_my_turn(const char *call) {
  if (way == PASS || turns++ != turn) return false;
  if (way == DIE) raise(SIGKILL);
  failed_call = call;
  errno = failure;
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

ssize_t __wrap_read(int fd, void *data, size_t size) {
  return is_my_turn("read") ? -1 : __real_read(fd, data, size);
}

/* What is asked for while a test counts. */
static bool counts;
static size_t allocated;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

void *__wrap_malloc(size_t size) {
  if (counts) allocated += size;
  return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size) {
  if (counts) allocated += count * size;
  return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size) {
  if (counts) allocated += size;
  return __real_realloc(old, size);
}

static void start_turns(enum way how, int which) {
  failure = how == INTERRUPT ? EINTR : ENOSPC;
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
  (void)state;
  struct kg_error error = {0};
  int failures = 0;
  bool seen_rename = false;
  for (;; failures++) {
    scratch_write("failing/file", OLD, 0644);
    start_turns(FAIL, failures);
    enum kg_status status = kg_file_replace(path, kg_span_text(NEW), 0644, &error);
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
  (void)state;
  int killed = 0, status = 0;
  for (;; killed++) {
    scratch_write("killed", OLD, 0644);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
      start_turns(DIE, killed);
      _exit(kg_file_replace(path, kg_span_text(NEW), 0644, NULL) == KG_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    char *text = scratch_read(path);
    assert_true(strcmp(text, OLD) == 0 || strcmp(text, NEW) == 0);
    free(text);
    if (WIFEXITED(status)) break;
  }
  assert_int_equal(WEXITSTATUS(status), 0);
  assert_int_equal(killed, 10);
}

static void interrupted_calls_are_made_again(void **state) {
  const char *path = scratch_path("interrupted");
  (void)state;
  start_turns(INTERRUPT, 2); /* after mkostemp and fchmod: the first write */
  enum kg_status status = kg_file_replace(path, kg_span_text(NEW), 0644, NULL);
  way = PASS;
  assert_int_equal(status, KG_OK);
  assert_string_equal(failed_call, "write");
  assert_contents(path, NEW);
  start_turns(INTERRUPT, 0);
  struct kg_buf out = {0};
  status = kg_file_read(path, 1000, KG_TRUST_ANY, &out, NULL, NULL);
  way = PASS;
  assert_int_equal(status, KG_OK);
  assert_string_equal(failed_call, "read");
  assert_string_equal((char *)out.data, NEW);
  kg_buf_clear(&out);
}

static void failing_read_is_an_error(void **state) {
  const char *path = scratch_write("unreadable", OLD, 0644);
  (void)state;
  start_turns(FAIL, 0);
  failure = EIO;
  struct kg_buf out = {0};
  struct kg_error error = {0};
  enum kg_status status = kg_file_read(path, 1000, KG_TRUST_ANY, &out, NULL, &error);
  way = PASS;
  assert_int_equal(status, KG_E_IO);
  assert_int_equal(error.native_code, EIO);
  assert_null(out.data);
}

static void folders_that_cannot_be_synced_need_not(void **state) {
  static const int harmless[] = {EINVAL, ENOTSUP};
  const char *path = scratch_path("unsynced");
  (void)state;
  for (size_t i = 0; i < COUNT(harmless); i++) {
    start_turns(FAIL, 2 + 5 + 1 + 1); /* mkostemp, fchmod, 5 writes, fsync, rename, and then the folder's fsync */
    failure = harmless[i];
    enum kg_status status = kg_file_replace(path, kg_span_text(NEW), 0644, NULL);
    way = PASS;
    assert_int_equal(status, KG_OK);
    assert_string_equal(failed_call, "fsync");
    assert_contents(path, NEW);
  }
}

static void mode_is_as_told_under_any_umask(void **state) {
  static const mode_t masks[] = {0, 022, 077, 0777};
  static const mode_t modes[] = {0600, 0640, 0644};
  const char *path = scratch_path("mode");
  (void)state;
  struct stat found;
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
  (void)state;
  assert_int_equal(kg_file_replace(path, kg_span_text(OLD), 0644, NULL), KG_OK);
  pid_t writer = fork();
  assert_true(writer >= 0);
  if (writer == 0) {
    for (int i = 0; i < 300; i++)
      if (kg_file_replace(path, kg_span_text(i % 2 ? OLD : NEW), 0644, NULL) != KG_OK) _exit(1);
    _exit(0);
  }
  int status = 0, reads = 0;
  do {
    struct kg_buf out = {0};
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
  (void)state;
  struct kg_error error = {0};
  assert_int_equal(kg_file_replace(folder, kg_span_text(NEW), 0644, &error), KG_E_IO);
  assert_non_null(strstr(error.text, folder));
  assert_int_equal(kg_file_replace(scratch_path("no/such"), kg_span_text(NEW), 0644, &error), KG_E_NOT_FOUND);
  assert_non_null(strstr(error.text, "no/such"));
}

static void replace_puts_a_file_where_a_link_was(void **state) {
  const char *target = scratch_write("target", OLD, 0644), *link = scratch_path("link");
  (void)state;
  assert_int_equal(symlink(target, link), 0);
  assert_int_equal(kg_file_replace(link, kg_span_text(NEW), 0644, NULL), KG_OK);
  struct stat found;
  assert_int_equal(lstat(link, &found), 0);
  assert_true(S_ISREG(found.st_mode));
  assert_contents(target, OLD);
}

static void read_ends_at_the_cap(void **state) {
  const char *path = scratch_write("ten", "0123456789", 0600);
  (void)state;
  struct kg_error error = {0};
  struct kg_buf out = {0};
  assert_int_equal(kg_file_read(path, 10, KG_TRUST_OWNER, &out, NULL, &error), KG_OK);
  assert_string_equal((char *)out.data, "0123456789");
  assert_int_equal(kg_file_read(path, 9, KG_TRUST_OWNER, &out, NULL, &error), KG_E_IO);
  char expected[300];
  snprintf(expected, sizeof expected, "'%s' is larger than 9 bytes", path);
  assert_string_equal(error.text, expected);
  assert_string_equal((char *)out.data, "0123456789"); /* what was there stays */
  kg_buf_clear(&out);
}

static void assert_sha256(const unsigned char *digest, const char *expected) {
  char text[2 * 32 + 1] = "";
  for (size_t i = 0; i < 32; i++)
    sprintf(text + 2 * i, "%02x", digest[i]);
  assert_string_equal(text, expected);
}

static void hash_is_that_of_the_contents(void **state) {
  const char *path = scratch_write("hashed", "0123456789", 0600);
  (void)state;
  unsigned char digest[32];
  assert_int_equal(kg_file_hash(path, 10, KG_TRUST_OWNER, KG_HASH_SHA256, digest, NULL), KG_OK);
  assert_sha256(digest, "84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882");
  scratch_write("hashed", "", 0600);
  assert_int_equal(kg_file_hash(path, 0, KG_TRUST_OWNER, KG_HASH_SHA256, digest, NULL), KG_OK);
  assert_sha256(digest, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void hash_refuses_what_read_refuses(void **state) {
  const char *path = scratch_write("unhashed", "0123456789", 0600), *folder = scratch_mkdir("unhashed-folder", 0755);
  (void)state;
  unsigned char digest[32];
  struct kg_error error = {0};
  assert_int_equal(kg_file_hash(path, 9, KG_TRUST_OWNER, KG_HASH_SHA256, digest, &error), KG_E_IO);
  assert_non_null(strstr(error.text, "is larger than 9 bytes"));
  assert_int_equal(chmod(path, 0622), 0);
  assert_int_equal(kg_file_hash(path, 10, KG_TRUST_OWNER, KG_HASH_SHA256, digest, &error), KG_E_UNTRUSTED);
  assert_int_equal(kg_file_hash(folder, 10, KG_TRUST_OWNER, KG_HASH_SHA256, digest, &error), KG_E_UNTRUSTED);
  assert_int_equal(kg_file_hash(scratch_path("none"), 10, KG_TRUST_OWNER, KG_HASH_SHA256, digest, &error),
                   KG_E_NOT_FOUND);
  start_turns(FAIL, 0);
  failure = EIO;
  enum kg_status status = kg_file_hash(path, 10, KG_TRUST_ANY, KG_HASH_SHA256, digest, &error);
  way = PASS;
  assert_int_equal(status, KG_E_IO);
  assert_int_equal(error.native_code, EIO);
}

#define LARGE ((size_t)64 * 1024 * 1024)

static void size_costs_a_hash_no_memory(void **state) {
  const char *path = scratch_write("large", "", 0600);
  (void)state;
  assert_int_equal(truncate(path, LARGE), 0);
  allocated = 0;
  counts = true;
  unsigned char digest[32];
  enum kg_status status = kg_file_hash(path, LARGE, KG_TRUST_OWNER, KG_HASH_SHA256, digest, NULL);
  counts = false;
  assert_int_equal(status, KG_OK);
  assert_sha256(digest, "3b6a07d0d404fab4e23b6d34bc6696a6a312dd92821332385e5af7c01c421351");
  assert_true(allocated < 64 * 1024);
  assert_int_equal(truncate(path, LARGE + 1), 0);
  assert_int_equal(kg_file_hash(path, LARGE, KG_TRUST_OWNER, KG_HASH_SHA256, digest, NULL), KG_E_IO);
}

static void reading_costs_a_few_times_the_size(void **state) {
  const size_t size = LARGE / 8;
  const char *path = scratch_write("large", "", 0600);
  (void)state;
  assert_int_equal(truncate(path, (off_t)size), 0);
  allocated = 0;
  counts = true;
  struct kg_buf out = {0};
  enum kg_status status = kg_file_read(path, size, KG_TRUST_OWNER, &out, NULL, NULL);
  counts = false;
  assert_int_equal(status, KG_OK);
  assert_int_equal(out.len, size);
  assert_true(allocated < 5 * size);
  kg_buf_clear(&out);
}

static void identity_changes_with_every_replacement(void **state) {
  const char *path = scratch_path("identified");
  (void)state;
  struct kg_file_id before = {0};
  assert_int_equal(kg_file_identify(path, &before), KG_E_NOT_FOUND);
  struct kg_file_id none = {0};
  assert_true(kg_file_id_equal(&before, &none));
  assert_int_equal(kg_file_replace(path, kg_span_text(OLD), 0644, NULL), KG_OK);
  assert_int_equal(kg_file_identify(path, &before), KG_OK);
  assert_false(kg_file_id_equal(&before, &none));
  assert_int_equal(kg_file_replace(path, kg_span_text(NEW), 0644, NULL), KG_OK);
  struct kg_buf out = {0};
  struct kg_file_id after = {0};
  assert_int_equal(kg_file_read(path, 1000, KG_TRUST_OWNER, &out, &after, NULL), KG_OK);
  assert_false(kg_file_id_equal(&before, &after));
  struct kg_file_id again = {0};
  assert_int_equal(kg_file_identify(path, &again), KG_OK);
  assert_true(kg_file_id_equal(&after, &again));
  kg_buf_clear(&out);
}

static void identities_differ_in_any_part(void **state) {
  static const struct kg_file_id same = {1, 2, 3, 4};
  static const struct kg_file_id others[] = {{9, 2, 3, 4}, {1, 9, 3, 4}, {1, 2, 9, 4}, {1, 2, 3, 9}};
  (void)state;
  assert_true(kg_file_id_equal(&same, &(struct kg_file_id){1, 2, 3, 4}));
  for (size_t i = 0; i < COUNT(others); i++)
    assert_false(kg_file_id_equal(&same, &others[i]));
}

static void folders_are_made_once(void **state) {
  const char *path = scratch_path("made"), *file = scratch_write("made-file", "", 0600);
  mode_t before = umask(077);
  (void)state;
  assert_int_equal(kg_file_make_directory(path, 0755, NULL), KG_OK);
  umask(before);
  struct stat found;
  assert_int_equal(stat(path, &found), 0);
  assert_int_equal(found.st_mode & 07777, 0755);
  assert_int_equal(kg_file_make_directory(path, 0700, NULL), KG_OK);
  assert_int_equal(stat(path, &found), 0);
  assert_int_equal(found.st_mode & 07777, 0755); /* what is there keeps its mode */
  struct kg_error error = {0};
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

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/file/replace_makes_and_replaces", replace_makes_and_replaces),
      CASE("/file/replace_fails_whole_at_every_call", replace_fails_whole_at_every_call),
      CASE("/file/replace_killed_at_every_call_leaves_old_or_new", replace_killed_at_every_call_leaves_old_or_new),
      CASE("/file/interrupted_calls_are_made_again", interrupted_calls_are_made_again),
      CASE("/file/failing_read_is_an_error", failing_read_is_an_error),
      CASE("/file/folders_that_cannot_be_synced_need_not", folders_that_cannot_be_synced_need_not),
      CASE("/file/mode_is_as_told_under_any_umask", mode_is_as_told_under_any_umask),
      CASE("/file/reader_never_sees_a_half", reader_never_sees_a_half),
      CASE("/file/replace_names_what_is_in_the_way", replace_names_what_is_in_the_way),
      CASE("/file/replace_puts_a_file_where_a_link_was", replace_puts_a_file_where_a_link_was),
      CASE("/file/read_ends_at_the_cap", read_ends_at_the_cap),
      CASE("/file/hash_is_that_of_the_contents", hash_is_that_of_the_contents),
      CASE("/file/hash_refuses_what_read_refuses", hash_refuses_what_read_refuses),
      CASE("/file/size_costs_a_hash_no_memory", size_costs_a_hash_no_memory),
      CASE("/file/reading_costs_a_few_times_the_size", reading_costs_a_few_times_the_size),
      CASE("/file/identity_changes_with_every_replacement", identity_changes_with_every_replacement),
      CASE("/file/identities_differ_in_any_part", identities_differ_in_any_part),
      CASE("/file/folders_are_made_once", folders_are_made_once),
      CASE("/file/paths_are_joined_with_one_slash", paths_are_joined_with_one_slash),
  };
  return cmocka_run_group_tests(cases, scratch_setup, scratch_teardown);
}
