/* Any calls in any order with any arguments that a caller is allowed to give: pointers are NULL or good for as many
 * bytes as is claimed. The module's own entry points are linked in, over a key store that holds no key. */
#define _GNU_SOURCE /* asprintf */
#include "fuzz.h"

#include "caller.h"
#include "core/base/clock.h"
#include "core/state/binding_writer.h"
#include "sample.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/keyguard-fuzz-XXXXXX";

static char *path_of(const char *name) {
  char *path = NULL;
  promise(asprintf(&path, "%s/%s", folder, name) > 0);
  return path;
}

static void remove_folder(void) {
  static const char *const names[] = {"state/web.json", "state", "keyguard.conf", ""};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char *path = path_of(names[i]);
    (void)remove(path);
    free(path);
  }
}

static void write_binding(void) {
  struct kg_binding *binding = sample_binding("web", 1, 1);
  char *path = path_of("state/web.json");
  binding->leaf.not_before = kg_clock_system()->wall(NULL) - 60;
  binding->leaf.not_after = binding->leaf.not_before + 365 * 86400;
  struct kg_error error = {0};
  promise(kg_binding_store(path, binding, &error) == KG_OK);
  kg_binding_free(&binding);
  free(path);
}

static void write_configuration(void) {
  char *path = path_of("keyguard.conf");
  FILE *file = fopen(path, "w");
  promise(file != NULL);
  fprintf(file,
          "[keyguard]\nstate-dir = %s/state\n[identity web]\nkey-store = pkcs11:object=o?module-path=/m.so\n"
          "mtls-proof-of-possession = true\nminimum-strength = software\n"
          "[identity empty]\nkey-store = pkcs11:object=o?module-path=/m.so\nmtls-proof-of-possession = true\n",
          folder);
  promise(fclose(file) == 0 && chmod(path, 0600) == 0);
  setenv("KEYGUARD_CONF", path, 1);
  free(path);
}

static void set_up(struct caller *caller) {
  static CK_FUNCTION_LIST_3_0 *list;
  CK_INTERFACE *interface = NULL;
  char *state = NULL;
  if (list == NULL) {
    promise(mkdtemp(folder) != NULL);
    atexit(remove_folder);
    state = path_of("state");
    promise(mkdir(state, 0755) == 0);
    free(state);
    write_binding();
    write_configuration();
    promise(C_GetInterface(NULL, NULL, &interface, 0) == CKR_OK);
    list = interface->pFunctionList;
  }
  caller->p11 = list;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct caller caller = {.stream = {data, size, {NULL}, 0}};
  set_up(&caller);
  promise(caller.p11->C_Initialize(NULL) == CKR_OK);
  int steps = 0;
  while (caller.stream.left && steps++ < 512) {
    CK_RV rv = caller_step(&caller);
    promise(rv != CKR_GENERAL_ERROR && rv != CKR_CRYPTOKI_NOT_INITIALIZED);
    stream_release(&caller.stream);
  }
  promise(caller.p11->C_Finalize(NULL) == CKR_OK);
  promise(fake_key_store.opened == fake_key_store.closed);
  return 0;
}
