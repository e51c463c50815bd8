/* Which file is loaded, and which is not. */
#include "fake_attestation.h"
#include "plugin/attestation_loader.h"

#include "core/base/encoding.h"
#include "core/base/hash.h"
#include "core/os/file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char folder[512], path[600];
static struct kg_attestation_library *library;
static struct kg_error error;

/* A fresh folder below the build's, whose folders nobody else may write. */
static int set_up(void **state) {
  (void)state;
  snprintf(folder, sizeof folder, "%s/loader-XXXXXX", TEST_FOLDER);
  if (mkdtemp(folder) == NULL) return -1;
  snprintf(path, sizeof path, "%s/library.so", folder);
  memset(&error, 0, sizeof error);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  chmod(folder, 0700);
  unlink(path);
  return rmdir(folder);
}

static void copy_to_path(const char *from, mode_t mode) {
  struct kg_buf contents = {0};
  assert_int_equal(kg_file_read(from, 64 << 20, KG_TRUST_ANY, &contents, NULL, &error), KG_OK);
  assert_int_equal(kg_file_replace(path, kg_buf_span(&contents), mode, &error), KG_OK);
  kg_buf_clear(&contents);
}

static void hash_of(const char *file, char out[65]) {
  struct kg_buf contents = {0};
  assert_int_equal(kg_file_read(file, 64 << 20, KG_TRUST_ANY, &contents, NULL, &error), KG_OK);
  unsigned char digest[32];
  kg_hash_once(KG_HASH_SHA256, kg_buf_span(&contents), digest);
  char *hex = kg_hex_format(kg_span_of(digest, 32));
  strcpy(out, hex);
  free(hex);
  kg_buf_clear(&contents);
}

static enum kg_status require(const char *sha256) {
  return kg_attestation_library_require(path, sha256, &library, &error);
}

static void check_refused(const char *sha256, const char *reason) {
  assert_int_equal(require(sha256), KG_E_ATTESTATION_FAILED);
  assert_null(library);
  if (strstr(error.text, reason) == NULL) fail_msg("\"%s\" has no \"%s\"", error.text, reason);
}

static void good_file_is_loaded_once(void **state) {
  (void)state;
  copy_to_path(FAKE_ATTESTATION, 0644);
  assert_int_equal(require(NULL), KG_OK);
  assert_non_null(library->init);
  assert_non_null(library->attest);
  assert_non_null(library->free_token);
  assert_non_null(library->uninit);
  assert_false(library->initialised);
  struct kg_attestation_library *again = library;
  assert_int_equal(require(NULL), KG_OK);
  assert_ptr_equal(library, again);
}

static void pinned_hash(void **state) {
  (void)state;
  copy_to_path(FAKE_ATTESTATION, 0644);
  char good[65];
  hash_of(path, good);
  char other[65];
  strcpy(other, good);
  other[0] = other[0] == '0' ? '1' : '0';
  check_refused(other, "does not have the pinned hash");
  check_refused("", "does not have the pinned hash");
  char upper[65];
  for (size_t i = 0; i < 65; i++)
    upper[i] = good[i] >= 'a' && good[i] <= 'f' ? (char)(good[i] - 32) : good[i];
  assert_int_equal(require(upper), KG_OK);
  assert_int_equal(require(good), KG_OK);
  check_refused(other, "another hash");
  assert_int_equal(require(NULL), KG_OK);
}

static void changed_file_is_refused_before_it_is_loaded(void **state) {
  (void)state;
  copy_to_path(FAKE_ATTESTATION, 0644);
  char good[65];
  hash_of(path, good);
  FILE *file = fopen(path, "a");
  assert_non_null(file);
  fputc(0, file);
  fclose(file);
  check_refused(good, "does not have the pinned hash");
}

static void largest_file_is_loaded_by_its_hash_and_no_larger_one(void **state) {
  const off_t limit = (off_t)64 * 1024 * 1024;
  (void)state;
  copy_to_path(FAKE_ATTESTATION, 0644);
  assert_int_equal(truncate(path, limit + 1), 0);
  check_refused(NULL, "is larger than 67108864 bytes");
  assert_int_equal(truncate(path, limit), 0);
  char good[65];
  hash_of(path, good);
  char other[65];
  strcpy(other, good);
  other[63] = other[63] == '0' ? '1' : '0';
  check_refused(other, "does not have the pinned hash");
  assert_int_equal(require(good), KG_OK);
}

static void file_that_others_may_write(void **state) {
  (void)state;
  copy_to_path(FAKE_ATTESTATION, 0644);
  chmod(path, 0666);
  check_refused(NULL, "may be written by others");
  chmod(path, 0664);
  check_refused(NULL, "may be written by others");
  chmod(path, 0644);
  chmod(folder, 0777);
  check_refused(NULL, "may be written by others");
  chmod(folder, 0755);
  assert_int_equal(require(NULL), KG_OK);
}

static void missing_file(void **state) {
  (void)state;
  check_refused(NULL, "library.so");
}

static void relative_path(void **state) {
  static const char *const paths[] = {"library.so", "./library.so", "", "libc.so.6", "../library.so"};
  (void)state;
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
    assert_int_equal(kg_attestation_library_require(paths[i], NULL, &library, &error), KG_E_ATTESTATION_FAILED);
    assert_non_null(strstr(error.text, "absolute path"));
  }
}

static void planted_in_the_working_folder(void **state) {
  (void)state;
  copy_to_path(FAKE_ATTESTATION, 0644);
  char before[1024];
  assert_non_null(getcwd(before, sizeof before));
  assert_int_equal(chdir(folder), 0);
  setenv("LD_LIBRARY_PATH", folder, 1);
  assert_int_equal(kg_attestation_library_require("library.so", NULL, &library, &error), KG_E_ATTESTATION_FAILED);
  unsetenv("LD_LIBRARY_PATH");
  assert_int_equal(chdir(before), 0);
}

static void what_is_no_library(void **state) {
  FILE *file = fopen(path, "w");
  (void)state;
  assert_non_null(file);
  fputs("not a shared object\n", file);
  fclose(file);
  chmod(path, 0644);
  check_refused(NULL, "cannot be loaded");
}

static void folder_and_fifo(void **state) {
  (void)state;
  assert_int_equal(mkfifo(path, 0600), 0);
  check_refused(NULL, "not a regular file");
  assert_int_equal(kg_attestation_library_require(folder, NULL, &library, &error), KG_E_ATTESTATION_FAILED);
}

static void missing_function_is_named(void **state) {
  (void)state;
  copy_to_path(FAKE_INCOMPLETE, 0644);
  check_refused(NULL, "has no function FreeAttestationToken");
}

static void default_is_beside_our_own_file(void **state) {
  (void)state;
  assert_int_equal(kg_attestation_library_require(NULL, NULL, &library, &error), KG_E_ATTESTATION_FAILED);
  assert_non_null(strstr(error.text, TEST_FOLDER "/libAttestationClientLib.so"));
}

#define TEST(name)                                                                                                     \
  { "/attestation_loader/" #name, name, set_up, tear_down, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(good_file_is_loaded_once),
      TEST(pinned_hash),
      TEST(changed_file_is_refused_before_it_is_loaded),
      TEST(largest_file_is_loaded_by_its_hash_and_no_larger_one),
      TEST(file_that_others_may_write),
      TEST(missing_file),
      TEST(relative_path),
      TEST(planted_in_the_working_folder),
      TEST(what_is_no_library),
      TEST(folder_and_fifo),
      TEST(missing_function_is_named),
      TEST(default_is_beside_our_own_file),
  };
  return cmocka_run_group_tests_name("attestation_loader", tests, NULL, NULL);
}
