#include "core/machine.h"

#include "scratch.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void machine_is_a_stable_digest_and_not_the_id(void **state) {
  char *first = kg_machine_id(), *second = kg_machine_id(), *raw = NULL;

  (void)state;
  if (!first) {
    assert_null(second);
    print_message("this machine has no usable /etc/machine-id\n");
    skip();
  }
  raw = scratch_read("/etc/machine-id");
  raw[strcspn(raw, "\n")] = '\0';
  assert_int_equal(strlen(first), 64);
  assert_string_equal(first, second);
  assert_null(strstr(first, raw));
  free(first), free(second), free(raw);
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
      CASE("/machine/machine_is_a_stable_digest_and_not_the_id", machine_is_a_stable_digest_and_not_the_id),
      CASE("/machine/boot_is_the_kernels", boot_is_the_kernels),
  };

  return cmocka_run_group_tests(cases, NULL, NULL);
}
