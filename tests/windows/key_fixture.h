/* One key of the cng: store and the levers of the fake ncrypt.dll that holds it, for the tests of the key store. */
#ifndef KG_TESTS_WINDOWS_KEY_FIXTURE_H
#define KG_TESTS_WINDOWS_KEY_FIXTURE_H

#include "core/base/error.h"
#include "core/key/key.h"
#include "tests/support/open_key.h"
#include "tests/windows/check.h"

#include <stdlib.h>
#include <windows.h>

#define STORE "cng:name=test"

static struct kg_error error;
static struct kg_key *key;

/* --- the fake's levers ------------------------------------------------------------------------------------------- */

static inline void set(const char *name, const char *value) {
  SetEnvironmentVariableA(name, value);
}

static inline void in_folder(const char *pattern, char out[MAX_PATH]) {
  char folder[MAX_PATH];

  GetEnvironmentVariableA("FAKE_NCRYPT_DIR", folder, sizeof folder);
  snprintf(out, MAX_PATH, "%s\\%s", folder, pattern);
}

static inline void start_clean(void) {
  char pattern[MAX_PATH], path[MAX_PATH];
  WIN32_FIND_DATAA found;
  HANDLE search;

  kg_key_close(&key);
  set("FAKE_NCRYPT_EPOCH", "1");
  set("FAKE_NCRYPT_DEATH", NULL);
  set("FAKE_NCRYPT_ZOMBIE_CODE", NULL);
  set("FAKE_NCRYPT_FAIL", NULL);
  in_folder("*", pattern);
  search = FindFirstFileA(pattern, &found);
  do {
    in_folder(found.cFileName, path);
    if (!(found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)) DeleteFileA(path);
  } while (search != INVALID_HANDLE_VALUE && FindNextFileA(search, &found));
  FindClose(search);
  in_folder("calls", path);
  set("FAKE_NCRYPT_LOG", path);
}

/* Everything the fake was called with, as "Function 0xflags\n..." */
static inline const char *calls(void) {
  static char text[65536];
  char path[MAX_PATH];
  size_t length = 0;
  FILE *file;

  in_folder("calls", path);
  file = fopen(path, "r");
  if (file) length = fread(text, 1, sizeof text - 1, file);
  text[length] = '\0';
  if (file) fclose(file);
  return text;
}

static inline void forget_calls(void) {
  char path[MAX_PATH];

  in_folder("calls", path);
  DeleteFileA(path);
}

static inline int was_called(const char *call) {
  return strstr(calls(), call) != NULL;
}

static inline enum kg_status open_key(unsigned flags) {
  kg_key_close(&key);
  return open_key_of(STORE, flags, &key, &error);
}

/* A key that lives; its modulus is remembered. */
static unsigned char modulus[512];

static inline void make_live_key(void) {
  CHECK(open_key(KG_KEY_CREATE) == KG_OK);
  CHECK(kg_key_info(key)->modulus.len == 256);
  memcpy(modulus, kg_key_info(key)->modulus.data, 256);
  kg_key_close(&key);
  forget_calls();
}

static inline int is_same_key(void) {
  return memcmp(modulus, kg_key_info(key)->modulus.data, 256) == 0;
}

#endif
