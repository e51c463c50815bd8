#define _GNU_SOURCE /* dladdr: which file does a function come from; realpath */
#include "core/os/library.h"

#include "core/base/buf.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A function's address as data and back: POSIX promises that they have the same representation (dlsym); C does not. */
static const void *address_of(kg_library_function *function) {
  const void *address;
  memcpy(&address, &function, sizeof address);
  return address;
}

void *kg_library_open(const char *path, struct kg_library_failure *failure) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library != NULL) return library;
  const char *reason = dlerror();
  failure->code = 0;
  snprintf(failure->text, sizeof failure->text, "%s", reason != NULL ? reason : "no reason was given");
  return NULL;
}

void kg_library_close(void *library) {
  (void)dlclose(library);
}

kg_library_function *kg_library_find(void *library, const char *name) {
  void *symbol = dlsym(library, name);
  kg_library_function *function = NULL;
  memcpy(&function, &symbol, sizeof function);
  return function;
}

const void *kg_library_of(kg_library_function *function) {
  Dl_info info;
  return dladdr(address_of(function), &info) != 0 ? info.dli_fbase : NULL;
}

static void here(void) {}

char *kg_library_own_folder(void) {
  Dl_info info;
  char *file = NULL;
  if (dladdr(address_of(here), &info) != 0 && info.dli_fname != NULL) file = realpath(info.dli_fname, NULL);
  char *slash = file != NULL ? strrchr(file, '/') : NULL;
  if (slash != NULL) slash[slash == file] = '\0';
  return file;
}
