#include "ctl/identification.h"

#include "tests/support/unit.h"

#include <string.h>

static char identity[] = "web", client[] = "0A0A0A0A-1111-4222-8333-444444444444", tenant[] = "tenant of the test",
            vm[] = "vm of the test", scale_set[] = "scale set of the test";

static struct kg_binding issued(void) {
  return (struct kg_binding){
      .identity = identity, .client_id = client, .tenant_id = tenant, .vm_id = vm, .vmss_id = scale_set};
}

static struct kg_plugin_machine same(void) {
  struct kg_plugin_machine machine = {.size = sizeof machine};
  strcpy(machine.client_id, client);
  strcpy(machine.tenant_id, tenant);
  strcpy(machine.vm_id, vm);
  strcpy(machine.vmss_id, scale_set);
  return machine;
}

static void assert_same(const struct kg_binding *binding, const struct kg_plugin_machine *machine) {
  assert_int_equal(kg_identification_compare(binding, machine, NULL), KG_OK);
}

static void assert_differs(const struct kg_plugin_machine *machine, const char *what) {
  struct kg_binding binding = issued();
  struct kg_error error = {0};
  assert_int_equal(kg_identification_compare(&binding, machine, &error), KG_E_BINDING_STALE);
  assert_non_null(strstr(error.text, "the binding of 'web' was issued for "));
  assert_non_null(strstr(error.text, what));
}

static void all_four_are_compared(void **state) {
  (void)state;
  struct kg_binding binding = issued();
  struct kg_plugin_machine machine = same();
  assert_same(&binding, &machine);
  strcpy(machine.client_id, "another");
  assert_differs(&machine, " client ");
  machine = same();
  strcpy(machine.tenant_id, "another");
  assert_differs(&machine, " tenant ");
  machine = same();
  strcpy(machine.vm_id, "vm of the test, or its neighbour");
  assert_differs(&machine, " virtual machine ");
  machine = same();
  strcpy(machine.vmss_id, "scale");
  assert_differs(&machine, " scale set ");
}

static void case_is_no_difference(void **state) {
  (void)state;
  struct kg_binding binding = issued();
  struct kg_plugin_machine machine = same();
  strcpy(machine.client_id, "0a0a0a0a-1111-4222-8333-444444444444");
  assert_same(&binding, &machine);
}

static void what_is_unknown_does_not_differ(void **state) {
  (void)state;
  struct kg_binding binding = issued();
  struct kg_plugin_machine nothing = {.size = sizeof nothing}, machine = same();
  assert_same(&binding, &nothing);
  binding.vm_id = NULL; /* of an older release */
  binding.vmss_id = NULL;
  assert_same(&binding, &machine);
}

/* They are public, and still shown no further than needed. */
static void ids_are_not_shown_whole(void **state) {
  (void)state;
  struct kg_binding binding = issued();
  struct kg_plugin_machine machine = same();
  struct kg_error error = {0};
  strcpy(machine.client_id, "99999999-8888-4777-8666-555555555555");
  assert_int_equal(kg_identification_compare(&binding, &machine, &error), KG_E_BINDING_STALE);
  assert_null(strstr(error.text, client));
  assert_null(strstr(error.text, machine.client_id));
}

#define IDENTIFIES(name)                                                                                               \
  { "/identification/" #name, name, NULL, NULL, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {IDENTIFIES(all_four_are_compared), IDENTIFIES(case_is_no_difference),
                                     IDENTIFIES(what_is_unknown_does_not_differ), IDENTIFIES(ids_are_not_shown_whole)};
  return cmocka_run_group_tests_name("identification", tests, NULL, NULL);
}
