#include "core/os/machine.h"

#include "core/os/file.h"
#include "tests/support/scratch.h"
#include "tests/support/unit.h"

#include <stdlib.h>
#include <string.h>

/* The linker leads core's own reads here (--wrap). */
static const char *machine_file;

enum kg_status __real_kg_file_read(const char *path, size_t cap, enum kg_file_trust trust, struct kg_buf *out,
                                   struct kg_file_id *id, struct kg_error *error);
enum kg_status __wrap_kg_file_read(const char *path, size_t cap, enum kg_file_trust trust, struct kg_buf *out,
                                   struct kg_file_id *id, struct kg_error *error);

enum kg_status __wrap_kg_file_read(const char *path, size_t cap, enum kg_file_trust trust, struct kg_buf *out,
                                   struct kg_file_id *id, struct kg_error *error) {
  if (strcmp(path, "/etc/machine-id") == 0) path = machine_file;
  return __real_kg_file_read(path, cap, trust, out, id, error);
}

static void assert_machine(const char *contents, const char *expected) {
  machine_file = scratch_write("machine-id", contents, 0444);
  char *id = kg_machine_id();
  if (expected != NULL)
    assert_string_equal(id, expected);
  else
    assert_null(id);
  free(id);
}

/* printf 'keyguard-pkcs11 machine 1:0123456789abcdef0123456789abcdef' | sha256sum */
#define DIGEST "42409dbbf3872b43d72fe148affd1307313b5838715c72a0c71444769116300e"

static void machine_is_a_digest_and_not_the_id(void **state) {
  (void)state;
  assert_machine("0123456789abcdef0123456789abcdef\n", DIGEST);
  assert_machine("0123456789abcdef0123456789abcdef", DIGEST);
  assert_machine("0123456789abcdef0123456789abcdef\r\nmore\n", DIGEST);
}

static void unusable_machine_id_is_unknown(void **state) {
  (void)state;
  assert_machine("", NULL);
  assert_machine("\n", NULL);
  assert_machine("uninitialized\n", NULL);
  assert_machine("0123456789abcdef0123456789abcde\n", NULL);
  machine_file = scratch_path("missing");
  assert_null(kg_machine_id());
  machine_file = scratch_folder();
  assert_null(kg_machine_id());
}

static void boot_is_the_kernels(void **state) {
  char *boot = kg_boot_id(), *raw = scratch_read("/proc/sys/kernel/random/boot_id");
  (void)state;
  raw[strcspn(raw, "\n")] = '\0';
  assert_non_null(boot);
  assert_string_equal(boot, raw);
  assert_int_equal(strlen(boot), 36);
  free(boot), free(raw);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/machine/machine_is_a_digest_and_not_the_id", machine_is_a_digest_and_not_the_id),
      CASE("/machine/unusable_machine_id_is_unknown", unusable_machine_id_is_unknown),
      CASE("/machine/boot_is_the_kernels", boot_is_the_kernels),
  };
  return cmocka_run_group_tests(cases, scratch_setup, scratch_teardown);
}
