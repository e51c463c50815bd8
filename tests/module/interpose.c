/* A process full of the same names: the module's own calls still reach the module. The program runs itself with the
 * library of traps before all others. */
#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "host.h"

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

static const char *program;

/* SoftHSM2 cannot be used here: its own calls to its own C_* would end in the traps. */
static int among_traps(void) {
  CK_BYTE out[256];
  CK_ULONG len = sizeof out;
  must(dlsym(RTLD_DEFAULT, "C_Initialize") != NULL && dlsym(RTLD_DEFAULT, "nettle_sha256_init") != NULL);
  struct host mine = {0};
  mine.library = dlopen(KG_MODULE_PATH, RTLD_NOW | RTLD_GLOBAL);
  must(mine.library != NULL);
  CK_C_GetFunctionList get = NULL;
  *(void **)&get = dlsym(mine.library, "C_GetFunctionList");
  CK_FUNCTION_LIST *list = NULL;
  must_be(CKR_OK, get(&list));
  mine.p11 = (CK_FUNCTION_LIST_3_0 *)(void *)list;
  must_be(CKR_OK, list->C_Initialize(NULL));
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_OK, list->C_OpenSession(host_slot(&mine, "forkable"), CKF_SERIAL_SESSION, NULL, NULL, &session));
  CK_OBJECT_HANDLE key = host_find(&mine, session, CKO_PRIVATE_KEY);
  must_be(CKR_OK, host_sign(&mine, session, key, out));
  must(memcmp(out, host_digest, sizeof host_digest) == 0);
  CK_MECHANISM sha = {CKM_SHA256, NULL, 0};
  must_be(CKR_OK, list->C_DigestInit(session, &sha));
  must_be(CKR_OK, list->C_Digest(session, host_digest, sizeof host_digest, out, &len));
  must_be(CKR_OK, list->C_Finalize(NULL));
  return 0;
}

static void the_module_calls_itself(void) {
  setenv("LD_PRELOAD", KG_INTERPOSE, 1);
  host_spawn((const char *const[]){program, "among", NULL});
  unsetenv("LD_PRELOAD");
}

/* Hosts bring allocators of their own. */
static void another_allocator_is_used_throughout(void) {
  static const char *const libraries[] = {"/usr/lib/x86_64-linux-gnu/libjemalloc.so.2",
                                          "/usr/lib/aarch64-linux-gnu/libjemalloc.so.2", "/usr/lib64/libjemalloc.so.2"};
  char traps_and_allocator[1024];
  for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
    if (access(libraries[i], R_OK) != 0) continue;
    must(snprintf(traps_and_allocator, sizeof traps_and_allocator, "%s:%s", KG_INTERPOSE, libraries[i]) > 0);
    setenv("LD_PRELOAD", traps_and_allocator, 1);
    host_spawn((const char *const[]){program, "among", NULL});
    unsetenv("LD_PRELOAD");
    return;
  }
  printf("  not run: jemalloc is not installed\n");
}

static const struct host_case cases[] = {
    {"/interpose/the_module_calls_itself", the_module_calls_itself},
    {"/interpose/another_allocator_is_used_throughout", another_allocator_is_used_throughout},
};

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "among") == 0) return among_traps();
  program = argv[0];
  struct host *host = host_new();
  (void)host_add_forkable(host, "forkable");
  host_configure(host);
  int status = host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);
  host_free(&host);
  return status;
}
