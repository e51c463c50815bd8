/* Every allocation between C_Initialize and C_Finalize fails once: the call that needed it says so, nothing is left
 * behind (which the address sanitizer watches), and the next attempt works. */
#include "core/base/clock.h"
#include "core/state/binding_writer.h"
#include "keyguard/cryptoki.h"
#include "sample.h"
#include "tests/support/failing_malloc.h"
#include "tests/support/scratch.h"
#include "tests/support/unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static CK_FUNCTION_LIST_3_0 *p11;

static int set_up(void **state) {
  struct kg_binding *binding = sample_binding("web", 1, 1);
  if (scratch_setup(state) != 0) return -1;
  binding->leaf.not_before = kg_clock_system()->wall(NULL) - 60;
  binding->leaf.not_after = binding->leaf.not_before + 86400;
  struct kg_error error = {0};
  if (kg_binding_store(scratch_path("web.json"), binding, &error) != KG_OK) fail_msg("%s", error.text);
  kg_binding_free(&binding);
  char text[1024];
  snprintf(text, sizeof text,
           "[keyguard]\nstate-dir = %s\n[identity web]\nkey-store = pkcs11:object=o?module-path=/m.so\n"
           "mtls-proof-of-possession = true\nminimum-strength = software\n",
           scratch_folder());
  scratch_write("keyguard.conf", text, 0600);
  setenv("KEYGUARD_CONF", scratch_path("keyguard.conf"), 1);
  CK_INTERFACE *interface = NULL;
  if (C_GetInterface(NULL, NULL, &interface, 0) != CKR_OK) return -1;
  p11 = interface->pFunctionList;
  return 0;
}

/* A token that cannot be built is not there, and a session that finds no place is one too many: both are said so. */
static bool is_memory(CK_RV rv) {
  return rv == CKR_HOST_MEMORY || rv == CKR_TOKEN_NOT_PRESENT || rv == CKR_SESSION_COUNT;
}

static CK_RV use_session(CK_SESSION_HANDLE session) {
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE wanted = {CKA_CLASS, &class, sizeof class};
  CK_OBJECT_HANDLE key = 0;
  CK_ULONG count = 0;
  CK_RV rv = p11->C_FindObjectsInit(session, &wanted, 1);
  if (rv == CKR_OK) rv = p11->C_FindObjects(session, &key, 1, &count);
  if (rv == CKR_OK) rv = p11->C_FindObjectsFinal(session);
  CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
  if (rv == CKR_OK) rv = p11->C_SignInit(session, &mechanism, key);
  CK_BYTE signature[256], data[3] = {1, 2, 3};
  CK_ULONG len = 256;
  return rv == CKR_OK ? p11->C_Sign(session, data, sizeof data, signature, &len) : rv;
}

static CK_RV use_module(void) {
  CK_SLOT_ID slot = 0;
  CK_ULONG count = 1;
  CK_RV rv = p11->C_GetSlotList(CK_FALSE, &slot, &count);
  assert_int_equal(rv, CKR_OK);
  if (count == 0) return CKR_HOST_MEMORY; /* the configuration could not be kept */
  CK_SESSION_HANDLE session = 0;
  rv = p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
  return rv == CKR_OK ? use_session(session) : rv;
}

static CK_RV live(void) {
  CK_RV rv = p11->C_Initialize(NULL);
  if (rv != CKR_OK) {
    assert_int_equal(p11->C_Finalize(NULL), CKR_CRYPTOKI_NOT_INITIALIZED);
    return rv;
  }
  CK_RV used = use_module();
  assert_int_equal(p11->C_Finalize(NULL), CKR_OK);
  return used;
}

static void each_allocation_may_fail_once(void **state) {
  (void)state;
  bool failed = true;
  int failing = 0;
  for (; failed; failing++) {
    failing_malloc_start(failing);
    CK_RV rv = live();
    failed = failing_malloc_stop();
    if (failed && rv != CKR_OK && !is_memory(rv)) fail_msg("allocation %d: 0x%lx", failing, (unsigned long)rv);
    if (!failed) assert_int_equal(rv, CKR_OK);
    assert_int_equal(live(), CKR_OK);
    assert_int_equal(fake_key_store.opened, fake_key_store.closed);
  }
  assert_true(failing > 50);
}

int main(void) {
  const struct CMUnitTest cases[] = {CASE("/call_memory/each_allocation_may_fail_once", each_allocation_may_fail_once)};
  return cmocka_run_group_tests(cases, set_up, scratch_teardown);
}
