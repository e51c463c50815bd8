/* Loaded, used and unloaded by more threads than there are thread-specific keys. */
#include "host.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static struct host *host;

enum { THREADS = 1100 }; /* PTHREAD_KEYS_MAX is 1024 */

static size_t mappings(void) {
  char *maps = host_read("/proc/self/maps");
  size_t count = 0;
  for (const char *at = maps; (at = strstr(at, "keyguard-pkcs11.so")) != NULL; at++)
    count++;
  free(maps);
  return count;
}

static void *use_once(void *argument) {
  struct host mine = *host;
  (void)argument;
  mine.library = dlopen(KG_MODULE_PATH, RTLD_NOW | RTLD_LOCAL);
  must(mine.library != NULL);
  CK_C_GetFunctionList get = NULL;
  *(void **)&get = dlsym(mine.library, "C_GetFunctionList");
  CK_FUNCTION_LIST *list = NULL;
  must_be(CKR_OK, get(&list));
  mine.p11 = (CK_FUNCTION_LIST_3_0 *)(void *)list; /* a 3.0 list begins with the 2.40 one */
  must_be(CKR_OK, list->C_Initialize(NULL));
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_OK, list->C_OpenSession(host_slot(&mine, "forkable"), CKF_SERIAL_SESSION, NULL, NULL, &session));
  CK_BYTE signature[256];
  must_be(CKR_OK, host_sign(&mine, session, host_find(&mine, session, CKO_PRIVATE_KEY), signature));
  must_be(CKR_OK, list->C_Finalize(NULL));
  must(dlclose(mine.library) == 0);
  return NULL;
}

static int nothing(void *argument) {
  (void)argument;
  return 0;
}

static void threads_come_and_go(void) {
  size_t once = 0;
  for (int i = 0; i < THREADS; i++) {
    pthread_t thread;
    must(pthread_create(&thread, NULL, use_once, NULL) == 0);
    pthread_join(thread, NULL);
    if (i == 0) once = mappings();
  }
  must(once > 0 && mappings() == once);
  must(host_fork(nothing, NULL) == 0); /* the fork handler is still there to be called */
}

static const struct host_case cases[] = {{"/dlclose/threads_come_and_go", threads_come_and_go}};

int main(int argc, char **argv) {
  host = host_new();
  (void)host_add_forkable(host, "forkable");
  host_configure(host);
  int status = host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);
  host_free(&host);
  return status;
}
