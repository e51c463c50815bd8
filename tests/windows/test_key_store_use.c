/* Using a cng: key of the fake ncrypt.dll: signatures, threads, names, and processes that start together. Numbers are
 * those of the acceptance cases of the protocol notes. */
#include "core/key/cng/key_name.h"
#include "core/key/digest_info.h"
#include "core/key/key.h"
#include "core/os/named_mutex_win.h"
#include "tests/windows/key_fixture.h"

static char self[MAX_PATH];

/* --- signatures -------------------------------------------------------------------------------------------------- */

static void check_signature(enum kg_padding padding, enum kg_hash hash) {
  struct kg_sign_params params = {padding, hash, padding == KG_PADDING_PSS ? kg_hash_size(hash) : 0};
  unsigned char digest[KG_HASH_MAX_SIZE], signature[256];
  struct kg_span input = kg_span_of(digest, kg_hash_size(hash)), made = kg_span_of(signature, sizeof signature);
  CHECK(kg_hash_once(hash, kg_span_text("what is signed"), digest));
  CHECK(kg_key_sign(key, &params, input, signature, &error) == KG_OK);
  CHECK(kg_key_verify(key, &params, input, made, &error) == KG_OK);
  signature[100] ^= 1;
  CHECK(kg_key_verify(key, &params, input, made, &error) == KG_E_SIGNATURE);
  signature[100] ^= 1;
  digest[0] ^= 1;
  CHECK(kg_key_verify(key, &params, input, made, &error) == KG_E_SIGNATURE);
}

static void signs_and_verifies_with_every_hash(void) {
  CHECK(open_key(KG_KEY_CREATE) == KG_OK);
  for (int hash = KG_HASH_SHA256; hash <= KG_HASH_SHA512; hash++) {
    check_signature(KG_PADDING_PKCS1, (enum kg_hash)hash);
    check_signature(KG_PADDING_PSS, (enum kg_hash)hash);
  }
}

static void a_digest_info_is_the_same_as_digest_and_hash(void) {
  static const struct kg_sign_params bare = {KG_PADDING_PKCS1, KG_HASH_NONE, 0};
  CHECK(open_key(KG_KEY_CREATE) == KG_OK);
  struct kg_sign_params named = {KG_PADDING_PKCS1, KG_HASH_SHA256, 0};
  unsigned char digest[KG_HASH_MAX_SIZE], info[KG_DIGEST_INFO_MAX], one[256], two[256];
  for (int hash = KG_HASH_SHA256; hash <= KG_HASH_SHA512; hash++) {
    struct kg_span input = kg_span_of(digest, kg_hash_size((enum kg_hash)hash));
    named.hash = (enum kg_hash)hash;
    CHECK(kg_hash_once(named.hash, kg_span_text("x"), digest));
    size_t length = kg_digest_info_format(named.hash, input, info);
    CHECK(kg_key_sign(key, &named, input, one, &error) == KG_OK);
    CHECK(kg_key_sign(key, &bare, kg_span_of(info, length), two, &error) == KG_OK);
    CHECK(memcmp(one, two, sizeof one) == 0);
    for (size_t i = 0; i + input.len < length; i++) { /* any byte of the prefix changed: refused */
      info[i] ^= 1;
      CHECK(kg_key_sign(key, &bare, kg_span_of(info, length), two, &error) == KG_E_KEY_DATA);
      info[i] ^= 1;
    }
    CHECK(kg_key_sign(key, &bare, kg_span_of(info, length - 1), two, &error) == KG_E_KEY_DATA);
  }
}

static void what_it_cannot_sign_is_refused(void) {
  CHECK(open_key(KG_KEY_CREATE) == KG_OK);
  unsigned char bytes[64] = {0}, signature[256];
  struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 20};
  CHECK(kg_key_sign(key, &params, kg_span_of(bytes, 32), signature, &error) == KG_E_KEY_MECHANISM);
  params.salt_len = 32;
  CHECK(kg_key_sign(key, &params, kg_span_of(bytes, 31), signature, &error) == KG_E_KEY_INPUT);
  params.padding = KG_PADDING_PKCS1, params.hash = KG_HASH_SHA1;
  CHECK(kg_key_sign(key, &params, kg_span_of(bytes, 20), signature, &error) == KG_E_KEY_MECHANISM);
  params.hash = KG_HASH_NONE;
  CHECK(kg_key_sign(key, &params, kg_span_of(bytes, 36), signature, &error) == KG_E_KEY_DATA);
}

static DWORD WINAPI sign_many(void *result) {
  static const struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 32};
  unsigned char digest[32] = {7}, signature[256];
  struct kg_error mine;
  int good = 1;
  for (int i = 0; good && i < 25; i++)
    good = kg_key_sign(key, &params, kg_span_of(digest, 32), signature, &mine) == KG_OK &&
           kg_key_verify(key, &params, kg_span_of(digest, 32), kg_span_of(signature, 256), &mine) == KG_OK;
  *(int *)result = good;
  return 0;
}

static void many_threads_use_one_key(void) {
  CHECK(open_key(KG_KEY_CREATE) == KG_OK);
  HANDLE threads[8];
  int results[8] = {0};
  for (int i = 0; i < 8; i++)
    CHECK((threads[i] = CreateThread(NULL, 0, sign_many, &results[i], 0, NULL)) != NULL);
  CHECK(WaitForMultipleObjects(8, threads, TRUE, 120000) == WAIT_OBJECT_0);
  for (int i = 0; i < 8; i++)
    CHECK(results[i]);
}

/* --- names and the mutex ----------------------------------------------------------------------------------------- */

static void names_are_parsed_strictly(void) {
  static const char *const bad[] = {"cng:name=",
                                    "cng:name=a/b",
                                    "cng:name=a;name=b",
                                    "cng:scope=all",
                                    "cng:scope=",
                                    "cng:nam=a",
                                    "cng:name=a;",
                                    "cng:;name=a",
                                    "cng:name=a b",
                                    "cng:allow=S-1-5-20",
                                    "cng:scope=machine;allow=",
                                    "cng:scope=machine;allow=everybody",
                                    "cng:scope=machine;allow=S-1-5-20,",
                                    "cng:scope=machine;allow=S-1-5-20)(A;;GA;;;WD",
                                    "cng:allow=S-1-5-20;scope=user",
                                    "cng:name=a?scope=user",
                                    "cng:scope=user;scope=user"};
  struct kg_cng_name name;
  CHECK(kg_cng_name_parse("cng:", &name, &error) == KG_OK);
  CHECK(strcmp(name.name, KG_CNG_DEFAULT_NAME) == 0 && !name.machine);
  CHECK(kg_cng_name_parse("cng:name=KeyGuardRSAKey;scope=user", &name, &error) == KG_OK);
  CHECK(strcmp(name.name, "KeyGuardRSAKey") == 0 && !name.machine);
  CHECK(kg_cng_name_parse("cng:scope=machine;name=a.B_c-1", &name, &error) == KG_OK);
  CHECK(strcmp(name.name, "a.B_c-1") == 0 && name.machine);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CHECK(kg_cng_name_parse(bad[i], &name, &error) == KG_E_USAGE);
}

/* 79 */
static void mutex_names_do_not_tell_case_apart(void) {
  wchar_t one[KG_CNG_MUTEX_NAME_SIZE];
  struct kg_cng_name name;
  CHECK(kg_cng_name_parse("cng:name=KeyName", &name, &error) == KG_OK &&
        kg_cng_mutex_name(&name, one, &error) == KG_OK);
  CHECK(wcslen(one) == wcslen(L"Global\\KeyguardPkcs11_") + 32);
  wchar_t two[KG_CNG_MUTEX_NAME_SIZE];
  CHECK(kg_cng_name_parse("cng:name=KEYNAME", &name, &error) == KG_OK &&
        kg_cng_mutex_name(&name, two, &error) == KG_OK);
  CHECK(wcscmp(one, two) == 0);
  CHECK(kg_cng_name_parse("cng:name=KeyName2", &name, &error) == KG_OK &&
        kg_cng_mutex_name(&name, two, &error) == KG_OK);
  CHECK(wcscmp(one, two) != 0);
  CHECK(kg_cng_name_parse("cng:name=KeyName;scope=machine", &name, &error) == KG_OK);
  CHECK(kg_cng_mutex_name(&name, two, &error) == KG_OK && wcscmp(one, two) != 0);
}

static DWORD WINAPI hold_and_die(void *name) {
  void *mutex = NULL;
  return kg_named_mutex_acquire(name, 0, 0, &mutex, NULL) == KG_OK ? 0
                                                                   : 1; /* the thread ends and leaves it abandoned */
}

static HANDLE taken, give_back;

static DWORD WINAPI hold(void *name) {
  void *mutex = NULL;
  enum kg_status status = kg_named_mutex_acquire(name, 1, 0, &mutex, NULL);
  SetEvent(taken);
  WaitForSingleObject(give_back, 60000);
  kg_named_mutex_release(&mutex);
  return status == KG_OK ? 0 : 1;
}

static void an_abandoned_mutex_is_free_and_a_held_one_busy(void) {
  static wchar_t name[] = L"Global\\KeyguardPkcs11_test";
  HANDLE thread = CreateThread(NULL, 0, hold_and_die, name, 0, NULL);
  DWORD code = 1;
  CHECK(thread != NULL && WaitForSingleObject(thread, 60000) == WAIT_OBJECT_0 && GetExitCodeThread(thread, &code) &&
        code == 0);
  void *mutex = NULL;
  CHECK(kg_named_mutex_acquire(name, 0, 0, &mutex, &error) == KG_OK);
  kg_named_mutex_release(&mutex);
  taken = CreateEventA(NULL, TRUE, FALSE, NULL), give_back = CreateEventA(NULL, TRUE, FALSE, NULL);
  thread = CreateThread(NULL, 0, hold, name, 0, NULL);
  CHECK(thread != NULL && WaitForSingleObject(taken, 60000) == WAIT_OBJECT_0);
  CHECK(kg_named_mutex_acquire(name, 1, 10, &mutex, &error) == KG_E_LOCK_BUSY && mutex == NULL);
  SetEvent(give_back);
  CHECK(WaitForSingleObject(thread, 60000) == WAIT_OBJECT_0 && GetExitCodeThread(thread, &code) && code == 0);
}

/* 36: two processes at once. The child prints its key's modulus into a file. */
static int child(const char *path) {
  if (open_key_of(STORE, KG_KEY_CREATE, &key, &error) != KG_OK) return 2;
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(kg_key_info(key)->modulus.data, 1, 256, file) != 256) return 3;
  fclose(file);
  kg_key_close(&key);
  return 0;
}

static void two_processes_that_start_together_use_one_key(void) {
  PROCESS_INFORMATION processes[3];
  char path[MAX_PATH], name[16], command[2 * MAX_PATH + 16];
  for (int i = 0; i < 3; i++) {
    STARTUPINFOA startup = {0};
    startup.cb = sizeof startup;
    snprintf(name, sizeof name, "modulus%d", i);
    in_folder(name, path);
    snprintf(command, sizeof command, "\"%s\" --child \"%s\"", self, path);
    CHECK(CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &processes[i]));
  }
  unsigned char one[256], first[256];
  for (int i = 0; i < 3; i++) {
    CHECK(WaitForSingleObject(processes[i].hProcess, 120000) == WAIT_OBJECT_0);
    DWORD code = 1;
    CHECK(GetExitCodeProcess(processes[i].hProcess, &code) && code == 0);
    snprintf(name, sizeof name, "modulus%d", i);
    in_folder(name, path);
    FILE *file = fopen(path, "rb");
    CHECK(file != NULL && fread(i ? one : first, 1, 256, file) == 256);
    fclose(file);
    CHECK(i == 0 || memcmp(one, first, 256) == 0);
  }
}

int main(int argc, char **argv) {
  static const struct check_case cases[] = {
      {"/sign/signs_and_verifies_with_every_hash", signs_and_verifies_with_every_hash},
      {"/sign/a_digest_info_is_the_same_as_digest_and_hash", a_digest_info_is_the_same_as_digest_and_hash},
      {"/sign/what_it_cannot_sign_is_refused", what_it_cannot_sign_is_refused},
      {"/sign/many_threads_use_one_key", many_threads_use_one_key},
      {"/name/is_parsed_strictly", names_are_parsed_strictly},
      {"/mutex/names_do_not_tell_case_apart", mutex_names_do_not_tell_case_apart},
      {"/mutex/abandoned_is_free_held_is_busy", an_abandoned_mutex_is_free_and_a_held_one_busy},
      {"/race/two_processes_use_one_key", two_processes_that_start_together_use_one_key},
  };
  if (argc == 3 && strcmp(argv[1], "--child") == 0) return child(argv[2]);
  GetModuleFileNameA(NULL, self, sizeof self);
  return check_main(cases, sizeof cases / sizeof cases[0], start_clean, argc > 1 ? argv[1] : NULL);
}
